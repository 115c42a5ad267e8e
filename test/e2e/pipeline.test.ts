/** The command line from end to end: real Temporal, real S3, real TensorFlow, one installation in a folder of its own. */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RunReport } from '../../contracts/run.ts';
import { connectTemporal } from '../../infra/temporal/connect.ts';
import { retrainWorkflowId } from '../../workflows/workflow-ids.ts';
import { graftCli } from '../lib/graft-cli.ts';
import { readEvents } from '../lib/read-events.ts';
import { temporaryDir } from '../servers.ts';

const dir = temporaryDir('e2e');
const cli = graftCli(join(dir, 'state'), dir);
const images = join(dir, 'images');
const pipeline = (more = ''): string =>
  `name: shapes\ndataset: { source: ./images }\nmodel: { backbone: tiny-cnn, weights: random, strategy: scratch }\n` +
  `train: { epochs: 6, checkpoint: { everySteps: 10 } }\n${more}`;

interface Up {
  readonly temporal: { address: string; namespace: string };
}
let up: Up;

beforeAll(async () => {
  await mkdir(dir, { recursive: true });
  const draw = fileURLToPath(new URL('../../examples/tiny/make-images.ts', import.meta.url));
  await execa(process.execPath, ['--import', import.meta.resolve('tsx'), draw, '40', images]);
  await writeFile(join(dir, 'shapes.yaml'), pipeline());
  up = await cli.json<Up>('up');
});

afterAll(async () => {
  await cli.run('down');
  expect(cli.processes()).toEqual([]);
});

describe('a run', () => {
  let first: RunReport;

  test('goes through all stages and promotes its model', async () => {
    first = await cli.json<RunReport>('run', 'shapes.yaml');
    expect(first.status).toBe('completed');
    expect(first.stages.map(({ name }) => name)).toEqual([
      'ingest',
      'validate',
      'split',
      'prepare',
      'train',
      'evaluate',
      'gate',
      'promote',
    ]);
    expect(first.model).toMatchObject({ name: 'shapes', version: 1, promoted: true, alias: 'champion' });
    expect(first.dataset).toMatchObject({ images: 120, quarantined: 0, classes: ['circle', 'square', 'triangle'] });
  });

  test('reuses every stage the second time and has the same weights', async () => {
    const second = await cli.json<RunReport>('run', 'shapes.yaml');
    expect(second.stages.filter(({ cached }) => !cached)).toEqual([]);
    expect(second.weightsSha256).toBe(first.weightsSha256);
    expect(second.model).toEqual(first.model);
  });

  test('leaves a history far below 500 events', async () => {
    const { client, close } = await connectTemporal(up.temporal);
    const { historyLength } = await client.workflow.getHandle(retrainWorkflowId(first.runId)).describe();
    await close();
    expect(historyLength).toBeLessThan(150);
  });

  test('can be listed, shown, and its model be used', async () => {
    const list = await cli.json<{ runId: string }[] | { runs: { runId: string }[] }>('runs', 'list');
    expect(JSON.stringify(list)).toContain(first.runId);
    const models = await cli.json<{ aliases: Record<string, number>; versions: unknown[] }>('models', 'show', 'shapes');
    expect(models.aliases['champion']).toBe(1);
    expect(models.versions).toHaveLength(1);
    const paths = [join(images, 'circle/0000.png'), join(images, 'square/0001.png')];
    const predicted = await cli.json<{ path: string; predictions: { label: string; score: number }[] }[]>(
      'predict',
      'shapes',
      ...paths,
    );
    expect(predicted.map(({ path }) => path)).toEqual(paths);
    for (const { predictions } of predicted) {
      const total = predictions.reduce((sum, { score }) => sum + score, 0);
      expect(total).toBeCloseTo(1, 4);
    }
    const evaluated = await cli.json<Record<string, unknown>>('eval', 'shapes');
    expect(JSON.stringify(evaluated)).toContain('accuracy');
  });
});

test('a cancelled run resumes and ends with the weights of one that was not cancelled', async () => {
  const long = pipeline().replace('epochs: 6', 'epochs: 300').replace('name: shapes', 'name: long');
  await writeFile(join(dir, 'long.yaml'), long);
  const { runId } = await cli.json<{ runId: string }>('run', 'long.yaml', '--detach');
  await waitForStep(runId, 40);
  const cancelled = await cli.run('runs', 'cancel', runId);
  expect([0, 130]).toContain(cancelled.exitCode);
  expect((await cli.json<RunReport>('runs', 'show', runId)).status).toBe('cancelled');
  await cli.run('runs', 'resume', runId);
  const resumed = await cli.json<RunReport>('runs', 'show', runId);
  expect(resumed.status).toBe('completed');
  const copied = await cli.json<{ folder: string }>('tensorboard', runId, '--copy-only');
  const events = join(copied.folder, runId, 'train/events.out.tfevents.0000000001.graft');
  const steps = (await readEvents(events)).filter(({ tag }) => tag === 'loss/step').map(({ step }) => step);
  expect(steps).toEqual(steps.map((_, i) => i + 1));
  expect(steps.length).toBeGreaterThan(40);

  // Another data set name is another training key: nothing of the first can be reused but the pixels.
  await writeFile(join(dir, 'again.yaml'), long.replace('name: long', 'name: again'));
  await rm(join(dir, 'state/files'), { recursive: true, force: true });
  const again = await cli.json<RunReport>('run', 'again.yaml');
  expect(again.weightsSha256).toBe(resumed.weightsSha256);
});

test('a data set can be imported without a run, which then finds it read', async () => {
  await writeFile(join(images, 'circle/broken.png'), 'not a picture');
  try {
    const imported = await cli.json<{ name: string; version: string; cached: boolean }>('data', 'import', './images');
    expect(imported).toMatchObject({ name: 'images', images: 120, quarantined: 1, cached: false });
    const stats = await cli.json('data', 'stats', `images@${imported.version.slice(0, 8)}`);
    expect(stats).toMatchObject({ images: 120, classes: { circle: 40, square: 40, triangle: 40 }, quarantined: 0 });
    await writeFile(join(dir, 'images.yaml'), pipeline().replace('name: shapes', 'name: images'));
    const { stages, dataset } = await cli.json<RunReport>('run', 'images.yaml');
    expect(stages[0]).toMatchObject({ name: 'ingest', cached: true });
    expect(dataset).toMatchObject({ version: imported.version });
    const missing = await cli.run('data', 'import', './imagse');
    expect([missing.exitCode, missing.stdout]).toEqual([2, '']);
    expect(missing.stderr).toMatch(/DATASET_MISSING/);
  } finally {
    await rm(join(images, 'circle/broken.png'));
  }
});

test('a learning curve says what more images would bring, and what is too little for one', async () => {
  interface Checked {
    readonly learningCurve: { backbone: string; curve: { points: { images: number }[]; heldOut: number } };
  }
  const { learningCurve } = await cli.json<Checked>('data', 'check', 'shapes.yaml', '--learning-curve');
  expect(learningCurve.backbone).toBe('tiny-cnn');
  expect(learningCurve.curve.heldOut + (learningCurve.curve.points.at(-1)?.images ?? 0)).toBe(120);
  expect(learningCurve).toMatchObject({ curve: { verdict: expect.stringMatching(/more|little|enough|unsure/) } });
  for (const label of ['circle', 'square']) {
    await mkdir(join(dir, 'few', label), { recursive: true });
    await writeFile(join(dir, 'few', label, '1.png'), await readFile(join(images, label, '0000.png')));
  }
  await writeFile(join(dir, 'few.yaml'), pipeline().replace('./images', './few'));
  const few = await cli.run('data', 'check', 'few.yaml', '--learning-curve', '--json');
  expect([few.exitCode, few.stdout]).toEqual([2, '']);
  expect(few.stderr).toMatch(/LEARNING_CURVE|DATASET_SPLIT/);
});

describe('wrong input ends with exit code 2 and says what to do', () => {
  test.each([
    ['an unknown key', pipeline('promot: {}\n'), /CONFIG_KEY.*promot.*promote/s],
    ['a wrong value', pipeline().replace('epochs: 6', 'epochs: many'), /CONFIG_VALUE.*train\.epochs/s],
    ['a missing folder', pipeline().replace('./images', './imagse'), /DATASET_MISSING/],
    ['another normalization', pipeline('image: { normalization: imagenet-mean-std }\n'), /NORMALIZATION_MISMATCH/],
  ])('%s', async (_, text, message) => {
    await writeFile(join(dir, 'wrong.yaml'), text);
    const { exitCode, stderr, stdout } = await cli.run('run', 'wrong.yaml');
    expect(stderr).toMatch(message);
    expect(exitCode).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).not.toMatch(/^\s+at /m);
  });

  test('one class only', async () => {
    await mkdir(join(dir, 'one/circle'), { recursive: true });
    await writeFile(join(dir, 'one/circle/1.png'), await readFile(join(images, 'circle/0000.png')));
    await writeFile(join(dir, 'one.yaml'), pipeline().replace('./images', './one'));
    const { exitCode, stderr } = await cli.run('run', 'one.yaml');
    expect(stderr).toMatch(/DATASET_CLASSES/);
    expect(exitCode).toBe(2);
  });

  test('a corrupt, an empty and a mislabelled picture are quarantined and named', async () => {
    await mkdir(join(dir, 'bad'), { recursive: true });
    await execa('cp', ['-r', `${images}/.`, join(dir, 'bad')]);
    const png = await readFile(join(images, 'circle/0000.png'));
    await writeFile(join(dir, 'bad/circle/truncated.png'), png.subarray(0, png.length - 40));
    await writeFile(join(dir, 'bad/circle/empty.png'), '');
    await writeFile(join(dir, 'bad/square/text.jpg'), 'not a picture');
    await writeFile(
      join(dir, 'bad.yaml'),
      pipeline().replace('./images', './bad').replace('name: shapes', 'name: bad'),
    );
    const report = await cli.json<RunReport>('run', 'bad.yaml');
    expect(report.dataset?.quarantined).toBe(3);
    const strict = await cli.run('run', 'bad.yaml', '--set', 'dataset.maxQuarantined=0.01');
    expect(strict.stderr).toMatch(/DATASET_QUARANTINE/);
    expect(strict.exitCode).toBe(2);
  });
});

async function waitForStep(runId: string, step: number): Promise<void> {
  const path = join(dir, 'state/files/scratch/runs', runId);
  for (let i = 0; i < 600; i++) {
    const { stdout } = await execa('sh', ['-c', `cat ${path}/*/reached-step 2>/dev/null || echo 0`]);
    if (Number.parseInt(stdout, 10) >= step) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`run ${runId} did not reach step ${step}`);
}
