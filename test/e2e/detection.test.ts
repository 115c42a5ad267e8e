/** A detector from the command line, on real parts: all stages, promotion, a second run that meets it, boxes, errors. */
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { DetectionMetrics } from '../../contracts/detection-metrics.ts';
import type { ExportManifest } from '../../contracts/export.ts';
import type { RunReport } from '../../contracts/run.ts';
import { Curves, Evaluation, Prediction } from '../../contracts/web.ts';
import { graftCli } from '../lib/graft-cli.ts';
import { temporaryDir } from '../servers.ts';

const dir = temporaryDir('detection');
const cli = graftCli(join(dir, 'state'), dir);
const pipeline = (more: string): string =>
  `name: shapes\ntask: detection\ndataset: { source: ./shapes/bdd, split: { test: 0.2, validation: 0.2 } }\n` +
  `image: { size: [64, 64], normalization: measured }\nmodel: { backbone: tiny-cnn, weights: random, detector: { kind: ssd, extraChannels: [16] } }\n` +
  `train: { epochs: 2, batchSize: 8, averageDecay: null, optimizer: { kind: adam, learningRate: 0.003 }${more} }\n`;

let web: URL;
let runId: string;

beforeAll(async () => {
  await mkdir(dir, { recursive: true });
  const draw = fileURLToPath(new URL('../../examples/shapes/make-images.ts', import.meta.url));
  const shapes = ['30', '--layout', 'bdd', '--out', join(dir, 'shapes')];
  await execa(process.execPath, ['--import', import.meta.resolve('tsx'), draw, ...shapes]);
  await writeFile(join(dir, 'shapes.yaml'), pipeline(''));
  await writeFile(join(dir, 'again.yaml'), pipeline(', seed: 2'));
  const { dashboard } = await cli.json<{ dashboard: { url: string } }>('up');
  web = new URL(dashboard.url);
});

afterAll(async () => {
  await cli.run('down');
  expect(cli.processes()).toEqual([]);
});

test('goes through all stages, and another is judged against it on the same pictures', async () => {
  const first = await cli.json<RunReport>('run', 'shapes.yaml');
  runId = first.runId;
  expect(first).toMatchObject({ status: 'completed', dataset: { images: 30, quarantined: 0 } });
  expect(first.model).toMatchObject({ version: 1, promoted: true });
  expect(first.metrics?.mAP50).toBeGreaterThanOrEqual(0);
  const { files } = await cli.json<{ files: readonly [string] }>('runs', 'report', first.runId, '--out', 'reports');
  const report = await readFile(join(dir, files[0]), 'utf8');
  for (const part of ['Where most is wrong', '<rect ', 'Losses on the validation side', '>mAP@.5<'])
    expect(report).toContain(part);
  expect(first.findings.map(({ code }) => code)).toEqual(expect.arrayContaining(['WEIGHTS_ORIGIN', 'LOSS_LEVEL']));
  const second = await cli.json<RunReport>('run', 'again.yaml');
  expect(second.stages.filter(({ cached }) => cached).map(({ name }) => name)).toEqual(
    expect.arrayContaining(['ingest', 'split', 'prepare']),
  );
  expect(second.gate.map(({ rule }) => rule)).toEqual([
    'noWorseThanChampion.mAP50',
    'betterThanChampion.mAP50',
    'noClassWorse',
  ]);
});

test('has a learning rate to be found', async () => {
  const { curve } = await cli.json<{ curve: readonly unknown[] }>('lr-find', 'shapes.yaml', '--iterations', '40');
  expect(curve.length).toBeGreaterThan(20);
});

test('is evaluated again, and says where things are', async () => {
  const recorded = await cli.json<{ detection: DetectionMetrics }>('eval', 'shapes@1');
  const { detection } = await cli.json<{ detection: DetectionMetrics }>('eval', 'shapes@1', 'shapes/bdd');
  expect(recorded.detection.images).toBeLessThan(detection.images);
  expect(detection).toMatchObject({ images: 30, confusion: expect.arrayContaining([]) });
  // What BDD100K says of a picture came all the way to the evaluation of the run.
  for (const { perAttribute = [], images } of [recorded.detection, detection]) {
    const times = perAttribute.filter(({ attribute }) => attribute === 'timeofday');
    expect(times.map(({ value }) => value)).toEqual(['daytime', 'night']);
    expect(times.reduce((sum, each) => sum + each.images, 0)).toBe(images);
  }
  const picture = 'shapes/bdd/images/00000.jpg';
  interface Predicted {
    readonly predictions: readonly { label: string; score: number; box: readonly number[] }[];
  }
  const predict = ['predict', 'shapes@1', picture, '--min-score', '0', '--top', '3', '--out', 'drawn'] as const;
  const [answer] = await cli.json<Predicted[]>(...predict);
  expect(answer?.predictions).toHaveLength(3);
  for (const { box } of answer?.predictions ?? []) {
    const [left = -1, top = -1, width = 999, height = 999] = box;
    expect(Math.min(left, top)).toBeGreaterThanOrEqual(0);
    expect(Math.max(left + width, top + height)).toBeLessThanOrEqual(128.01);
  }
  expect(await readdir(join(dir, 'drawn'))).toEqual(['00000.boxes.jpg']);
});

test('goes elsewhere, compared with itself on its own test pictures and by their boxes', async () => {
  for (const format of ['saved-model', 'tfjs', 'onnx', 'safetensors']) {
    const to = ['models', 'export', 'shapes@1', '--format', format, '--out', `as-${format}`] as const;
    const { check, files, preprocessing } = await cli.json<ExportManifest>(...to);
    expect(preprocessing.normalization.id).toMatch(/^measured:/);
    expect(check.pixels.images).toBeGreaterThan(0);
    expect(check.pixels.objects?.found).toBeGreaterThan(0);
    expect(check.pixels.objects?.wrong).toBe(0);
    expect(check.mAP50?.exported).toBe(check.mAP50?.original);
    // Without files of its own it takes pixels alone.
    expect(check.files === null).toBe(format === 'tfjs' || format === 'onnx');
    expect(files.length).toBeGreaterThan(0);
  }
  const half = [
    'models',
    'export',
    'shapes@1',
    '--format',
    'onnx',
    '--out',
    'as-half',
    '--precision',
    'float16',
  ] as const;
  const { stderr, exitCode } = await cli.run(...half);
  expect(exitCode).toBe(0);
  expect(stderr).toMatch(/mAP@\.5 of the model, of the export/);
});

test('the dashboard shows its figures, its worst pictures, and what it finds in a picture that is tried', async () => {
  const headers = { authorization: `Bearer ${web.searchParams.get('token') ?? ''}` };
  const ask = (path: string, init: RequestInit = {}): Promise<Response> =>
    fetch(`${web.origin}/api/${path}`, { ...init, headers: { ...headers, ...init.headers } });
  const evaluation = Evaluation.parse(await (await ask(`runs/${runId}/evaluation`)).json());
  if (evaluation.task !== 'detection') throw new Error('it is no detector');
  expect(evaluation.perClass.map(({ label }) => label)).toEqual(evaluation.classes);
  expect(evaluation.worst.length).toBeGreaterThan(0);
  // Hardly trained: what is to be seen is what was missed, and the picture behind it.
  const [worst] = evaluation.worst;
  expect(worst?.boxes.length).toBeGreaterThan(0);
  expect((await ask(`images/${worst?.sha256 ?? ''}`)).headers.get('content-type')).toMatch(/^image\//);
  const curves = Curves.parse(await (await ask(`runs/${runId}/evaluation/curves?class=0`)).json());
  expect(curves).toMatchObject({ label: evaluation.classes[0], roc: null });
  const body = await readFile(join(dir, 'shapes/bdd/images/00000.jpg'));
  const tried = await ask('predict?model=shapes@1', {
    method: 'POST',
    body,
    headers: { 'content-type': 'image/jpeg' },
  });
  const { predictions } = Prediction.parse(await tried.json());
  expect(predictions.every(({ box }) => box !== undefined)).toBe(true);
});
