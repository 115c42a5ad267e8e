/** The dashboard as a person uses it: real services, a real run, a real Chromium. */
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { execa } from 'execa';
import * as tar from 'tar';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RunReport } from '../../contracts/run.ts';
import { jsonLines } from '../../core/summaries/json-lines.ts';
import {
  SHOTS,
  openBrowser,
  overflow,
  seriousFindings,
  settled,
  shoot,
  visit,
  anotherTab,
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
  `name: shapes\ndataset: { source: ./images }\naugment: { flipHorizontal: 0.5 }\nmodel: { backbone: tiny-cnn, weights: random, strategy: scratch }\n` +
  `train: { epochs: ${String(epochs)}, seed: ${String(seed)}, checkpoint: { everySteps: 10 } }\n` +
  `promote: { gate: { betterThanChampion: null, noClassWorse: null, noWorseThanChampion: { accuracy: 1 } }, ${promote} }\n`;

let browser: Browser;
let watched: Watched;
let second: Watched;
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
  second = await anotherTab(watched, origin);
});

afterAll(async () => {
  await browser.close();
  await cli.run('down');
  expect(cli.processes()).toEqual([]);
});

test('every page shows the real run: no complaint, nothing serious for axe', async () => {
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
    [`/data/shapes/${dataset}?tab=augmentations`, 'On: flipHorizontal'],
    [`/data/shapes/${dataset}?tab=balance`, 'Images of each class'],
    ['/sweeps', 'No sweep has been started yet'],
    ['/models', 'champion → 1'],
    ['/models/shapes', 'Who moved what, and why'],
    ['/schedules', 'Nothing is scheduled'],
    ['/approvals', 'Nothing waits for a decision'],
    [`/cache?run=${first.runId}`, 'it was never done before'],
    ['/lr-finder', 'No range test has been kept yet'],
  ];
  const found: string[] = [];
  const rest = [...pages];
  const tour = async ({ page, complaints }: Watched): Promise<void> => {
    for (let next = rest.shift(); next !== undefined; next = rest.shift()) {
      const [path, seen] = next;
      await visit(page, origin + path);
      await page.getByText(seen).first().waitFor();
      await shoot(page, `real${path.replaceAll(/\W+/g, '-').slice(0, 60)}`, view);
      found.push(...(await seriousFindings(page)).map((finding) => `${path}: ${finding}`));
      if ((await overflow(page)) > 0) found.push(`${path} is wider than the window`);
    }
    found.push(...complaints);
  };
  // Two windows of the same browser: one waits for the server while the other is looked at.
  await Promise.all([tour(watched), tour(second)]);
  expect(found).toEqual([]);
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

test('slices are named by an expression over the paths; one that is none is refused', async () => {
  const { page } = await anotherTab(watched, origin);
  await visit(page, `${origin}/runs/${first.runId}/evaluation`);
  await page.getByText('Nobody has named any').waitFor();
  const ask = async (by: string): Promise<void> => {
    await page.getByLabel('By the paths').fill(by);
    await page.getByRole('button', { name: 'Show' }).click();
  };
  await ask('(circle|square)/');
  const figures = page.getByRole('region', { name: 'Figures of each slice' });
  await figures.getByRole('row', { name: /^circle/ }).waitFor();
  expect(await figures.getByRole('row').count()).toBe(3);
  await ask('(');
  await page.getByText('Unterminated group').waitFor();
  await page.close();
});

test('an export that was made here is taken away from the page of its model', async () => {
  const { page } = watched;
  const out = join(dir, 'shapes-tensors');
  const made = await cli.json<{ files: { path: string; sizeBytes: number }[] }>(
    ...['models', 'export', 'shapes@1', '--format', 'safetensors', '--out', out],
  );
  await visit(page, `${origin}/models/shapes`);
  const link = page.getByRole('link', { name: /^safetensors-float32\.tar, / });
  const [download] = await Promise.all([page.waitForEvent('download'), link.click()]);
  expect(download.suggestedFilename()).toBe('shapes-1-safetensors-float32.tar');
  const members = new Map<string, number>();
  await tar.list({ file: await download.path(), onReadEntry: ({ path, size }) => void members.set(path, size) });
  const named = made.files.map(({ path, sizeBytes }) => [`shapes-1-safetensors-float32/${path}`, sizeBytes] as const);
  for (const [path, size] of named) expect(members.get(path)).toBe(size);
  expect(members.size).toBe(named.length + 1);
  expect(await seriousFindings(page)).toEqual([]);
});

test('training pictures are shown as the training drew them', async () => {
  const { page } = watched;
  await visit(page, `${origin}/data/shapes/${first.dataset?.version ?? ''}?tab=augmentations`);
  const shown = page
    .getByRole('list', { name: 'Training pictures' })
    .getByRole('img', { name: /: epoch 2$/ })
    .first();
  await shown.scrollIntoViewIfNeeded();
  const width = `document.querySelector('[aria-label="Training pictures"] img[alt$="epoch 2"]').naturalWidth`;
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
  await writeFile(join(dir, 'second.yaml'), pipeline(2, 240, 'approval: manual'));
  const { runId } = await cli.json<{ runId: string }>('run', 'second.yaml', '--detach');
  await visit(page, `${origin}/runs/${runId}`);
  const step = page.locator('.stats > div', { hasText: /^Step/ }).locator('dd').first();
  await step.waitFor({ timeout: 240_000 });
  const before = await step.textContent();
  await expect.poll(() => step.textContent(), { timeout: 60_000, interval: 100 }).not.toBe(before);
  const seen = await stepsSeen(page);

  const approve = page.getByRole('button', { name: 'Approve' });
  await approve.first().click({ timeout: 240_000 });
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel(/^Why/).fill('looked at it');
  await dialog.getByRole('button', { name: 'Approve' }).click();
  await dialog.waitFor({ state: 'detached', timeout: 60_000 });
  await page.getByText('Completed').first().waitFor({ timeout: 120_000 });

  const late = await lateness(runId, await seen());
  console.log(
    `${late.within} of ${late.steps} steps were on the page within 2 s (median ${late.median} ms, at most ${late.most} ms)`,
  );
  expect(late.steps).toBeGreaterThan(2);

  await visit(page, `${origin}/models/shapes`);
  await page.getByText('champion → version 2').waitFor();
  await act(page, 'Roll back', 'worse in the field');
  await page.getByText('champion → version 1').waitFor();
  await promoteTwice();
  await page.getByText('champion → version 2').waitFor();
  await settled(page);
  await shoot(page, 'real-model-moved', view);
  const { entries } = await cli.json<{ entries: { to: number; reason: string }[] }>('models', 'history', 'shapes');
  expect(entries.map(({ to }) => to).sort()).toEqual([1, 1, 2, 2]);
  expect(JSON.stringify(entries)).toContain('worse in the field');
  // The browser notes the refusal of the tab that came second, where it was refused.
  expect(
    complaints.filter(
      (each) =>
        !each.endsWith('/models/shapes: Failed to load resource: the server responded with a status of 409 (Conflict)'),
    ),
  ).toEqual([]);
});

async function act(page: Page, name: string, why: string): Promise<void> {
  await asked(page, name, why);
  await page.getByRole('dialog').waitFor({ state: 'detached', timeout: 120_000 });
}

async function asked(page: Page, name: string, why: string): Promise<void> {
  await page.getByRole('button', { name }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel(/^Why/).fill(why);
  await dialog.getByRole('button', { name }).click();
}

/**
 * Two tabs promote at once: one moves the alias; the other finds it moved, which it is told where it comes to another end
 * than it asked for. That nothing is entered twice is in the ledger, below.
 */
async function promoteTwice(): Promise<void> {
  const tabs = [watched.page, second.page];
  await visit(second.page, `${origin}/models/shapes`);
  await second.page.getByText('champion → version 1').waitFor();
  await Promise.all(tabs.map((page) => asked(page, 'Promote 2', 'better after all')));
  const outcome = await Promise.all(
    tabs.map(async (page) => {
      const dialog = page.getByRole('dialog');
      const refused = dialog.getByText('ALIAS_MOVED').first();
      await Promise.race([
        dialog.waitFor({ state: 'detached', timeout: 120_000 }),
        refused.waitFor({ timeout: 120_000 }),
      ]);
      return (await dialog.count()) === 0 ? 'moved' : 'refused';
    }),
  );
  expect(outcome).toContain('moved');
  await Promise.all(tabs.map((page) => page.keyboard.press('Escape')));
}

/** Notes when the page shows which step; the answer reads the notes. */
async function stepsSeen(page: Page): Promise<() => Promise<[step: number, atMs: number][]>> {
  await page.evaluate(`globalThis.seenSteps = []; new MutationObserver(() => {
    const place = [...document.querySelectorAll('.stats > div')].find((each) => each.querySelector('dt')?.textContent === 'Step');
    const step = parseInt((place?.querySelector('dd')?.firstChild?.textContent ?? '').replaceAll(',', ''), 10);
    const last = globalThis.seenSteps.at(-1);
    if (Number.isFinite(step) && last?.[0] !== step) globalThis.seenSteps.push([step, Date.now()]);
  }).observe(document.body, { subtree: true, childList: true, characterData: true });`);
  return () => page.evaluate<[number, number][]>('globalThis.seenSteps');
}

/** By how much what the page showed lay behind the trainer's own clock, which stands in the run's metrics. */
async function lateness(runId: string, seen: readonly (readonly [number, number])[]) {
  // The embedded store keeps objects as files.
  const files = await readdir(cli.stateDir, { recursive: true });
  const path = files.find((file) => file.endsWith(join('runs', runId, 'metrics.jsonl'))) ?? '';
  const lines = [...jsonLines(await readFile(join(cli.stateDir, path), 'utf8'))];
  const made = new Map(lines.filter(({ kind }) => kind === 'step').map(({ step, timeMs }) => [step, Number(timeMs)]));
  const late = seen
    .flatMap(([step, atMs]) => (made.has(step) ? [atMs - (made.get(step) ?? 0)] : []))
    .sort((a, b) => a - b);
  const within = late.filter((each) => each <= 2000).length;
  return { steps: late.length, within, median: late[Math.floor(late.length / 2)] ?? NaN, most: late.at(-1) ?? NaN };
}

test('the report opens from disk with JavaScript off, asks for nothing, and has its pictures', async () => {
  await cli.run('runs', 'report', first.runId, '--out', join(dir, 'report'));
  const context = await browser.newContext({ javaScriptEnabled: false, viewport: { width: 1024, height: 900 } });
  const page = await context.newPage();
  const requests: string[] = [];
  page.on('request', (request) => requests.push(request.url()));
  const path = join(dir, 'report', `${first.runId}.html`);
  await page.goto(pathToFileURL(path).href);
  for (const title of ['Figures', 'The gate', 'Curves', 'What is taken for what', 'The surest mistakes', 'Stages'])
    expect(await page.getByRole('heading', { name: title }).count()).toBe(1);
  expect(await page.locator('svg polyline, svg path').count()).toBeGreaterThan(2);
  // Without scripts nothing can be asked of the document: what is drawn has a size.
  const picture = page.locator('figure img').first();
  expect((await picture.boundingBox())?.height).toBeGreaterThan(20);
  expect(requests.filter((url) => !url.startsWith('data:'))).toEqual([pathToFileURL(path).href]);
  await mkdir(SHOTS, { recursive: true });
  await page.screenshot({ path: join(SHOTS, 'report-without-scripts.png'), fullPage: true });
  await context.close();
});

const python = process.env['GRAFT_BENCH_PYTHON'] ?? '';
test.skipIf(python === '')('the real TensorBoard finds what the run has written (GRAFT_BENCH_PYTHON)', async () => {
  const copy = await cli.json<{ folder: string }>('tensorboard', first.runId, '--copy-only');
  const reader = fileURLToPath(new URL('../golden/tensorboard/read_events.py', import.meta.url));
  const { stdout } = await execa(python, [reader, copy.folder]);
  const { tags, groups } = JSON.parse(stdout) as {
    tags: Record<string, { plugin: string; values: unknown[] }>;
    groups: { metrics: Record<string, number> }[];
  };
  const plugins = new Set(Object.values(tags).map(({ plugin }) => plugin));
  for (const plugin of ['scalars', 'histograms', 'images', 'text', 'pr_curves']) expect(plugins).toContain(plugin);
  const accuracy = Object.entries(tags)
    .find(([tag]) => tag.endsWith('test|accuracy'))?.[1]
    .values.at(-1);
  expect(accuracy).toBe(Math.fround(first.metrics?.accuracy ?? NaN));
  expect(groups[0]?.metrics['test|accuracy']).toBe(accuracy);
});
