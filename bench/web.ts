/**
 * What the dashboard's page costs a browser: its script, the time until it can be used, and tasks that would keep it from
 * answering, over made-up answers. `npm run bench:web -- --rounds 5`. The server has its own part in what a person waits for.
 */
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Browser, Page } from 'playwright-core';
import { openBrowser, settled } from '../test/lib/dashboard/browser.ts';
import { startMadeUpServer } from '../test/lib/dashboard/made-up-server.ts';
import { ensurePage } from '../web/page-build.ts';
import { benchOptions } from './lib/options.ts';
import { report, round } from './lib/report.ts';

const options = benchOptions('rounds');
const rounds = options.number('rounds', options.quick ? 1 : 5);
const RUN = '/runs/pets-20261126-101500-0001';
/** Tasks above this keep a click waiting for so long that it is felt. */
const WATCH = `globalThis.longTasks = []; new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) globalThis.longTasks.push(Math.round(entry.duration));
}).observe({ type: 'longtask', buffered: true });`;

const dist = await ensurePage();
const server = await startMadeUpServer({ steps: 1_000_000 });
const browser = await openBrowser();
try {
  report('script of the page, compressed with gzip', [await sizes()]);
  report('in Chromium', [
    await measured('first page', '/', () => Promise.resolve()),
    await measured('10,000 runs, scrolled to the end', '/runs', scrollThrough),
    await measured('1,000,000 steps, thinned to 2,000 points a curve', RUN, lookAround),
  ]);
} finally {
  await browser.close();
  await server.close();
}

async function sizes() {
  const html = await readFile(join(dist, 'index.html'), 'utf8');
  const names = (await readdir(join(dist, 'assets'))).filter((name) => name.endsWith('.js'));
  const sizeOf = async (name: string): Promise<number> =>
    gzipSync(await readFile(join(dist, 'assets', name)), { level: 9 }).length;
  const all = await Promise.all(names.map(async (name) => ({ name, size: await sizeOf(name) })));
  const kib = (some: typeof all): number => round(some.reduce((sum, { size }) => sum + size, 0) / 1024, 1);
  return {
    'first page KiB': kib(all.filter(({ name }) => html.includes(name))),
    'all pages KiB': kib(all),
    files: all.length,
  };
}

/** Medians over so many fresh browsers' worth of storage; the longest task of all. */
async function measured(what: string, path: string, act: (page: Page) => Promise<void>) {
  const shown: number[] = [];
  const tasks: number[] = [];
  for (let i = 0; i < rounds; i++) {
    const page = await freshPage(browser);
    await page.goto(server.url + path);
    await settled(page);
    shown.push(await page.evaluate(() => performance.now()));
    await act(page);
    tasks.push(...(await page.evaluate<number[]>('globalThis.longTasks')));
    await page.context().close();
  }
  shown.sort((a, b) => a - b);
  return {
    what,
    'usable after ms': round(shown[Math.floor(shown.length / 2)] ?? 0, 0),
    'worst ms': round(shown.at(-1) ?? 0, 0),
    'longest task ms': Math.max(0, ...tasks),
    'tasks over 200 ms': tasks.filter((ms) => ms > 200).length,
  };
}

async function freshPage(from: Browser): Promise<Page> {
  const context = await from.newContext({ viewport: { width: 1440, height: 900 } });
  const page = await context.newPage();
  await page.addInitScript(WATCH);
  return page;
}

/** Until the last of ten thousand rows is in sight. */
async function scrollThrough(page: Page): Promise<void> {
  const last = page.locator('[aria-rowindex="10001"]');
  for (let i = 0; i < 400 && (await last.count()) === 0; i++) {
    await page.evaluate('window.scrollTo(0, document.documentElement.scrollHeight)');
    await page.waitForTimeout(60);
  }
  if ((await last.count()) === 0) throw new Error('the last row never came');
}

/** Smooths more, and looks at the logarithm of both axes: all that redraws every point. */
async function lookAround(page: Page): Promise<void> {
  await page.locator('.u-over').first().waitFor();
  await page.getByLabel('Smoothing').fill('0.95');
  for (const name of ['Loss axis', 'Steps axis']) await page.getByRole('group', { name }).getByText('log').click();
  await page.waitForTimeout(500);
}
