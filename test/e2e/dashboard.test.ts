/** The dashboard as a person uses it: real services, a real run, a real Chromium. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RunReport } from '../../contracts/run.ts';
import {
  openBrowser,
  overflow,
  seriousFindings,
  settled,
  shoot,
  visit,
  watchedPage,
} from '../lib/dashboard/browser.ts';
import type { Watched } from '../lib/dashboard/browser.ts';
import { graftCli } from '../lib/graft-cli.ts';
import { temporaryDir } from '../servers.ts';

const dir = temporaryDir('dashboard');
const cli = graftCli(join(dir, 'state'), dir);
const images = join(dir, 'images');
const view = { width: 1440, scheme: 'light' } as const;
const pipeline = (seed: number, epochs: number, promote: string): string =>
  `name: shapes\ndataset: { source: ./images }\nmodel: { backbone: tiny-cnn, weights: random, strategy: scratch }\n` +
  `train: { epochs: ${String(epochs)}, seed: ${String(seed)}, checkpoint: { everySteps: 10 } }\n` +
  `promote: { gate: { betterThanChampion: null, noClassWorse: null, noWorseThanChampion: { accuracy: 1 } }, ${promote} }\n`;

let browser: Browser;
let watched: Watched;
let origin: string;
let first: RunReport;

beforeAll(async () => {
  await mkdir(dir, { recursive: true });
  const draw = fileURLToPath(new URL('../../examples/tiny/make-images.ts', import.meta.url));
  await execa(process.execPath, ['--import', import.meta.resolve('tsx'), draw, '40', images]);
  const { dashboard } = await cli.json<{ dashboard: { url: string } }>('up');
  await writeFile(join(dir, 'first.yaml'), pipeline(1, 4, 'approval: automatic'));
  first = await cli.json<RunReport>('run', 'first.yaml');
  origin = new URL(dashboard.url).origin;
  browser = await openBrowser();
  watched = await watchedPage(browser, origin, view);
  // The token goes with the first address, and is not to be seen after it.
  await visit(watched.page, dashboard.url);
  expect(watched.page.url()).toBe(`${origin}/`);
});

afterAll(async () => {
  await browser.close();
  await cli.run('down');
  expect(cli.processes()).toEqual([]);
});

test('every page shows the real run: no complaint, nothing serious for axe', async () => {
  const { page, complaints } = watched;
  const dataset = first.dataset?.version ?? '';
  const pages: readonly (readonly [path: string, seen: string])[] = [
    ['/', first.runId],
    ['/runs', first.runId],
    [`/runs/${first.runId}`, 'shapes version 1 is champion'],
    [`/runs/${first.runId}?tab=checkpoints`, 'best'],
    [`/runs/${first.runId}?tab=log`, 'What happened'],
    [`/runs/${first.runId}?tab=config`, 'tiny-cnn'],
    [`/runs/${first.runId}/evaluation`, 'The surest mistakes'],
    ['/data', 'shapes'],
    [`/data/shapes/${dataset}`, '60 of 120 images'],
    [`/data/shapes/${dataset}?tab=balance`, 'Images of each class'],
    ['/sweeps', 'No sweep has been started yet'],
    ['/models', 'champion → 1'],
    ['/models/shapes', 'Who moved what, and why'],
    ['/schedules', 'Nothing is scheduled'],
    ['/approvals', 'Nothing waits for a decision'],
    [`/cache?run=${first.runId}`, 'Made anew'],
    ['/lr-finder', 'No range test has been kept yet'],
  ];
  const found: string[] = [];
  for (const [path, seen] of pages) {
    await visit(page, origin + path);
    await page.getByText(seen).first().waitFor();
    await shoot(page, `real${path.replaceAll(/\W+/g, '-').slice(0, 60)}`, view);
    found.push(...(await seriousFindings(page)).map((finding) => `${path}: ${finding}`));
    if ((await overflow(page)) > 0) found.push(`${path} is wider than the window`);
  }
  expect([...found, ...complaints]).toEqual([]);
});

test('a cell of the confusion matrix opens its images', async () => {
  const { page } = watched;
  await visit(page, `${origin}/runs/${first.runId}/evaluation`);
  await page.locator('.confusion button:not([disabled])').first().click();
  const shown = page.getByRole('list', { name: 'Images of the cell' }).getByRole('img').first();
  await shown.scrollIntoViewIfNeeded();
  const width = `document.querySelector('[aria-label="Images of the cell"] img').naturalWidth`;
  await expect.poll(() => page.evaluate<number>(width), { timeout: 30_000 }).toBe(32);
});

test('an image is tried', async () => {
  const { page } = watched;
  await visit(page, `${origin}/try`);
  await page.getByLabel('Drop an image here').setInputFiles(join(images, 'circle/0000.png'));
  await page.getByText('shapes version 1').waitFor();
  expect(await page.getByRole('list', { name: 'Predictions' }).getByRole('listitem').count()).toBe(3);
});

test('a run is followed as it trains, asks a person, and is approved by clicking; then rolled back and promoted', async () => {
  const { page, complaints } = watched;
  await writeFile(join(dir, 'second.yaml'), pipeline(2, 60, 'approval: manual'));
  const { runId } = await cli.json<{ runId: string }>('run', 'second.yaml', '--detach');
  await visit(page, `${origin}/runs/${runId}`);
  const step = page.locator('.stats > div', { hasText: /^Step/ }).locator('dd').first();
  await step.waitFor({ timeout: 240_000 });
  const before = await step.textContent();
  await expect.poll(() => step.textContent(), { timeout: 60_000, interval: 100 }).not.toBe(before);

  const approve = page.getByRole('button', { name: 'Approve' });
  await approve.first().click({ timeout: 240_000 });
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel(/^Why/).fill('looked at it');
  await dialog.getByRole('button', { name: 'Approve' }).click();
  await dialog.waitFor({ state: 'detached', timeout: 60_000 });
  await page.getByText('Completed').first().waitFor({ timeout: 120_000 });

  await visit(page, `${origin}/models/shapes`);
  await page.getByText('champion → version 2').waitFor();
  await act('Roll back', 'worse in the field');
  await page.getByText('champion → version 1').waitFor();
  await act('Promote 2', 'better after all');
  await page.getByText('champion → version 2').waitFor();
  await settled(page);
  await shoot(page, 'real-model-moved', view);
  const { entries } = await cli.json<{ entries: { to: number; reason: string }[] }>('models', 'history', 'shapes');
  expect(entries.map(({ to }) => to).sort()).toEqual([1, 1, 2, 2]);
  expect(JSON.stringify(entries)).toContain('worse in the field');
  expect(complaints).toEqual([]);
});

async function act(name: string, why: string): Promise<void> {
  const { page } = watched;
  await page.getByRole('button', { name }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel(/^Why/).fill(why);
  await dialog.getByRole('button', { name }).click();
  await dialog.waitFor({ state: 'detached', timeout: 120_000 });
}
