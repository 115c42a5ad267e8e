import { mkdir } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import axe from 'axe-core';
import type { AxeResults } from 'axe-core';
import { chromium } from 'playwright-core';
import type { Browser, BrowserContext, Page } from 'playwright-core';

const executable = ['/usr/bin/chromium', '/usr/bin/chromium-browser'].find((path) => existsSync(path));

/** For people to look at after a run of the tests; not kept in the repository. */
export const SHOTS = fileURLToPath(new URL('../../../.graft/screenshots', import.meta.url));

/** Debian's Chromium; null where there is none, so that tests can say so instead of passing. */
export async function openBrowser(): Promise<Browser> {
  if (executable === undefined) throw new Error('no Chromium: apt-get install chromium');
  // A container has no namespaces to spare for Chromium's sandbox; all that is opened is this repository's own page.
  return chromium.launch({ executablePath: executable, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
}

export interface Watched {
  readonly page: Page;
  readonly context: BrowserContext;
  /** What the console and uncaught errors said, and requests to anywhere else: all must stay empty. */
  readonly complaints: string[];
}

export interface View {
  readonly width: number;
  readonly scheme: 'light' | 'dark';
}

export const views: readonly View[] = [
  { width: 1440, scheme: 'light' },
  { width: 1440, scheme: 'dark' },
  { width: 390, scheme: 'light' },
  { width: 390, scheme: 'dark' },
];

/** A page whose complaints are gathered. `expected`: texts that may be complained of, as where a server is away. */
export async function watchedPage(
  browser: Browser,
  origin: string,
  { width, scheme }: View,
  expected?: RegExp,
): Promise<Watched> {
  const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme: scheme });
  return watchedTab(context, origin, expected);
}

/** Another tab of the same browser, where the same person is signed in. */
export const anotherTab = ({ context }: Watched, origin: string): Promise<Watched> => watchedTab(context, origin);

async function watchedTab(context: BrowserContext, origin: string, expected?: RegExp): Promise<Watched> {
  const page = await context.newPage();
  const complaints: string[] = [];
  const note = (text: string): void => {
    if (expected?.test(text) !== true) complaints.push(text);
  };
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') note(`${page.url()}: ${message.text()}`);
  });
  page.on('pageerror', (error) => {
    note(`${page.url()}: ${error.message}`);
  });
  page.on('dialog', (dialog) => {
    note(`${page.url()} opened a dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on('request', (request) => {
    const url = new URL(request.url());
    if (url.protocol.startsWith('http') && url.origin !== origin) note(`asked for ${request.url()}`);
  });
  return { page, context, complaints };
}

/** Goes there and waits until nothing is loading any more. */
export async function visit(page: Page, url: string): Promise<void> {
  await page.goto(url);
  await settled(page);
}

export async function settled(page: Page): Promise<void> {
  await page.locator('h1').first().waitFor();
  // None of them is left; the page's policy lets no text be run as code, as waiting for a function would.
  await page.locator('.skeleton').first().waitFor({ state: 'detached' });
  await page.evaluate('document.fonts.ready.then(() => undefined)');
}

export async function shoot(page: Page, name: string, { width, scheme }: View): Promise<void> {
  await mkdir(SHOTS, { recursive: true });
  await page.screenshot({ path: join(SHOTS, `${name}-${String(width)}-${scheme}.png`), fullPage: true });
}

/** The page that is open, in another form; waits until it is drawn so. */
export async function turnTo(page: Page, { width, scheme }: View): Promise<void> {
  await page.setViewportSize({ width, height: 900 });
  await page.emulateMedia({ colorScheme: scheme });
  // Two frames: what watches sizes answers the first, and charts are made anew after it.
  await page.evaluate(
    'new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done))))',
  );
  await settled(page);
}

/** Rules that depend on colours. */
const colours = ['color-contrast', 'link-in-text-block'];

/** What axe-core finds serious or critical, one line each. */
export async function seriousFindings(page: Page, rules: 'all' | 'colours' = 'all'): Promise<string[]> {
  if (!(await page.evaluate<boolean>('"axe" in globalThis'))) await page.evaluate(axe.source);
  const only = rules === 'all' ? {} : { runOnly: { type: 'rule', values: colours } };
  const options = JSON.stringify({ resultTypes: ['violations'], ...only });
  const results = await page.evaluate<AxeResults>(`axe.run(${options})`);
  return results.violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }) =>
      nodes.slice(0, 3).map((node) => `${id}: ${node.html.slice(0, 160)} — ${node.failureSummary ?? ''}`),
    );
}

/** By how many pixels the page is wider than the window. */
export const overflow = (page: Page): Promise<number> =>
  page.evaluate<number>('document.documentElement.scrollWidth - document.documentElement.clientWidth');
