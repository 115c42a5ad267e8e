/** The page in a real Chromium over made-up answers: every view, both schemes, wide and narrow. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Browser } from 'playwright-core';
import {
  openBrowser,
  overflow,
  seriousFindings,
  settled,
  shoot,
  turnTo,
  views,
  visit,
  watchedPage,
} from '../../lib/dashboard/browser.ts';
import { DETECTOR, startMadeUpServer } from '../../lib/dashboard/made-up-server.ts';
import type { MadeUpServer } from '../../lib/dashboard/made-up-server.ts';

const [running, completed, failed] = [1, 2, 3].map(
  (n) => `${n === 3 ? 'digits' : 'pets'}-20261126-101500-000${String(n)}`,
);
const pages: Readonly<Record<string, string>> = {
  overview: '/',
  runs: '/runs',
  run: `/runs/${running ?? ''}`,
  'run-failed': `/runs/${failed ?? ''}`,
  'run-checkpoints': `/runs/${completed ?? ''}?tab=checkpoints`,
  'run-log': `/runs/${completed ?? ''}?tab=log`,
  'run-config': `/runs/${completed ?? ''}?tab=config`,
  evaluation: `/runs/${completed ?? ''}/evaluation`,
  'evaluation-detector': `/runs/${DETECTOR}/evaluation`,
  data: '/data',
  dataset: '/data/pets',
  'dataset-augmentations': '/data/pets?tab=augmentations',
  'dataset-balance': '/data/pets?tab=balance',
  'dataset-quarantine': '/data/pets?tab=quarantine',
  'dataset-duplicates': '/data/pets?tab=duplicates',
  'dataset-changes': '/data/pets?tab=changes',
  sweeps: '/sweeps',
  sweep: '/sweeps/pets-sweep',
  models: '/models',
  model: '/models/pets',
  schedules: '/schedules',
  approvals: '/approvals',
  'try-it': '/try',
  'lr-finder': '/lr-finder',
  cache: '/cache',
  'not-found': '/no/such/page',
};

const wide = views[0] ?? { width: 1440, scheme: 'light' };
let server: MadeUpServer;
let browser: Browser;
beforeAll(async () => {
  server = await startMadeUpServer();
  browser = await openBrowser();
});
afterAll(async () => {
  await browser.close();
  await server.close();
});

/**
 * Each page is opened once and then looked at in every form: width and scheme change what is drawn, and not what was
 * asked of the server. What is dark differs in colours alone, so axe looks at those.
 */
async function lookAt(names: string[], found: string[]): Promise<void> {
  const { page, context, complaints } = await watchedPage(browser, server.url, wide);
  for (let name = names.shift(); name !== undefined; name = names.shift()) {
    await page.setViewportSize({ width: wide.width, height: 900 });
    await page.emulateMedia({ colorScheme: wide.scheme });
    await visit(page, server.url + (pages[name] ?? ''));
    for (const view of views) {
      await turnTo(page, view);
      await shoot(page, name, view);
      const findings = await seriousFindings(page, view.scheme === 'dark' ? 'colours' : 'all');
      const form = `${name}, ${String(view.width)} px, ${view.scheme}`;
      found.push(...findings.map((finding) => `${form}: ${finding}`));
      if ((await overflow(page)) > 0) found.push(`${form}: wider than the window`);
    }
  }
  found.push(...complaints);
  await context.close();
}

const everyPage = 'nothing serious for axe, no complaint, no foreign request, nothing wider than the window';
test(`every page in every form: ${everyPage}`, { timeout: 300_000 }, async () => {
  const names = Object.keys(pages);
  const found: string[] = [];
  await Promise.all([lookAt(names, found), lookAt(names, found)]);
  expect(found).toEqual([]);
});

test('ten thousand runs are one list of which few are in the document, filtered by what is typed', async () => {
  const { page, context, complaints } = await watchedPage(browser, server.url, wide);
  await visit(page, `${server.url}/runs`);
  const table = page.getByRole('table', { name: 'Runs' });
  expect(await table.getAttribute('aria-rowcount')).toBe('10001');
  expect(await table.getByRole('row').count()).toBeLessThan(80);
  for (let i = 0; i < 4; i++) {
    await page.evaluate('window.scrollTo(0, document.documentElement.scrollHeight)');
    await page.waitForTimeout(150);
  }
  expect(await table.getByRole('row').count()).toBeLessThan(80);
  await page.getByLabel('Find').fill('00a7');
  await expect.poll(() => table.getAttribute('aria-rowcount')).toBe('2');
  await context.close();
  expect(complaints).toEqual([]);
});

test('the keyboard reaches everything: the way past the menu, a dialog that keeps and gives back the focus', async () => {
  const { page, context } = await watchedPage(browser, server.url, wide);
  await visit(page, `${server.url}/models/pets`);
  await page.keyboard.press('Tab');
  expect(await page.evaluate('document.activeElement?.textContent')).toBe('Go to the content');
  await page.getByRole('button', { name: 'Roll back' }).focus();
  await page.keyboard.press('Enter');
  const dialog = page.getByRole('dialog', { name: 'Roll back' });
  await dialog.waitFor();
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'detached' });
  expect(await page.evaluate('document.activeElement?.textContent')).toBe('Roll back');
  await context.close();
});

test('a step is seen within two seconds of the stream’s telling', async () => {
  const { page, context } = await watchedPage(browser, server.url, wide);
  await visit(page, `${server.url}/runs/${running ?? ''}`);
  const step = page.locator('.stats > div', { hasText: 'Step' }).locator('dd').first();
  const before = await step.textContent();
  await expect.poll(() => step.textContent(), { timeout: 10_000 }).not.toBe(before);
  await context.close();
});

test('while the server is away the page says so and keeps what it knew; it goes on by itself', async () => {
  const own = await startMadeUpServer();
  const port = Number(new URL(own.url).port);
  const { page, context } = await watchedPage(browser, own.url, wide, /ERR_CONNECTION|Failed to load/);
  await visit(page, own.url);
  await own.close();
  await page.getByText('does not answer').waitFor({ timeout: 30_000 });
  await page.getByRole('heading', { name: 'Champions' }).waitFor();
  const again = await startMadeUpServer({ port });
  await page.getByText('does not answer').waitFor({ state: 'detached', timeout: 30_000 });
  await page.getByRole('link', { name: 'Models', exact: true }).click();
  await page.getByRole('heading', { name: 'Models' }).waitFor();
  await page.getByRole('link', { name: 'pets', exact: true }).waitFor();
  await context.close();
  await again.close();
});

test('light and dark can be chosen against the system, and the choice lasts', async () => {
  const { page, context } = await watchedPage(browser, server.url, wide);
  await visit(page, server.url);
  await page.getByLabel('Appearance').selectOption('dark');
  await page.reload();
  await settled(page);
  expect(await page.evaluate('document.documentElement.dataset.theme')).toBe('dark');
  await context.close();
});
