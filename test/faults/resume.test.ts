/**
 * Exact resume under SIGKILL, on real parts: the same pipeline runs undisturbed in one installation and is killed at
 * random points in another — the trainer, the worker, all of `graft up` — and both must end with the same weights.
 * Prints the figures: kills, attempts, steps done again.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AttemptRecord, RunReport } from '../../contracts/run.ts';
import { stream } from '../../core/rng.ts';
import { graftCli } from '../lib/graft-cli.ts';
import type { GraftCli, ProcessRole } from '../lib/graft-cli.ts';
import { temporaryDir } from '../servers.ts';

const EVERY_STEPS = 50;
const KILLS = Number(process.env['GRAFT_FAULT_KILLS'] ?? 5);
const SEED = Number(process.env['GRAFT_FAULT_SEED'] ?? 1);
const dir = temporaryDir('faults');
const undisturbed = graftCli(join(dir, 'undisturbed'), dir);
const killed = graftCli(join(dir, 'killed'), dir);

const pipelines = {
  'tiny-cnn':
    'model: { backbone: tiny-cnn, weights: random, strategy: scratch, dropout: 0.2 }\nimage: { size: [32, 32] }\naugment: { flipHorizontal: 0.5 }',
  'mobilenet-v2':
    'model: { backbone: mobilenet-v2, weights: random, strategy: last-n, lastN: 2, dropout: 0.2 }\nimage: { size: [64, 64] }',
  ssd: `task: detection
model: { backbone: tiny-cnn, weights: random, detector: { kind: ssd, extraChannels: [16], validation: { everyEpochs: 50, resamples: 20 } } }
image: { size: [64, 64] }
augment: { flipHorizontal: 0.5, boxCrop: {} }`,
  'faster-rcnn': `task: detection
model:
  backbone: tiny-cnn
  weights: random
  detector:
    kind: faster-rcnn
    batchNorm: batch
    anchors: { scales: [0.5, 1], aspectRatios: [1], basePx: 32, stridePx: 8, outside: keep }
    firstStage: { channels: 16, deviation: 0.03, minibatch: 32, proposals: 30 }
    secondStage: { minibatch: 16, cropPx: 8, addObjects: true, mostObjects: 8 }
    validation: { everyEpochs: 50, resamples: 20 }
image: { size: [64, 64] }
augment: { flipHorizontal: 0.5 }`,
} as const;
const epochs = { 'tiny-cnn': 500, 'mobilenet-v2': 90, ssd: 300, 'faster-rcnn': 300 } as const;
const sources = {
  ...{ 'tiny-cnn': './images', 'mobilenet-v2': './images' },
  ...{ ssd: './shapes/coco', 'faster-rcnn': './shapes/coco' },
} as const;
type Name = keyof typeof pipelines;
/** The detectors' turn takes some minutes more: with GRAFT_FAULT_DETECTOR=1 they alone have it. */
const isDetector = (name: Name): boolean => sources[name] === './shapes/coco';
const names = (Object.keys(pipelines) as Name[]).filter(
  (name) => isDetector(name) === (process.env['GRAFT_FAULT_DETECTOR'] === '1'),
);

beforeAll(async () => {
  await mkdir(dir, { recursive: true });
  const draw = fileURLToPath(new URL('../../examples/tiny/make-images.ts', import.meta.url));
  await execa(process.execPath, ['--import', import.meta.resolve('tsx'), draw, '100', join(dir, 'images')]);
  if (names.some(isDetector)) {
    const shapes = fileURLToPath(new URL('../../examples/shapes/make-images.ts', import.meta.url));
    const arguments_ = ['120', '--layout', 'coco', '--out', join(dir, 'shapes')];
    await execa(process.execPath, ['--import', import.meta.resolve('tsx'), shapes, ...arguments_]);
  }
  for (const name of names) {
    await writeFile(
      join(dir, `${name}.yaml`),
      `name: ${name}\ndataset: { source: ${sources[name]} }\n${pipelines[name]}\ntrain: { epochs: ${epochs[name]}, batchSize: 32, optimizer: { kind: adam, learningRate: 1.0e-3 }, schedule: { kind: one-cycle }, checkpoint: { everySteps: ${EVERY_STEPS}, everySeconds: null } }\n`,
    );
  }
  for (const cli of [undisturbed, killed]) await cli.json('up');
});

afterAll(async () => {
  for (const cli of [undisturbed, killed]) await cli.run('down');
});

describe.each(names)('%s', (name) => {
  test('ends with the same weights, however often it is killed', async () => {
    const reference = await undisturbed.json<RunReport>('run', `${name}.yaml`);
    expect(reference.status).toBe('completed');

    const { runId } = await killed.json<{ runId: string }>('run', `${name}.yaml`, '--detach');
    const kills = await killAtRandom(killed, runId, name);
    const report = await finished(killed, runId);

    const { attempts } = await killed.json<{ attempts: AttemptRecord[] }>('runs', 'show', runId);
    const redone = attempts.map((each) => Math.max(0, (each.reachedStep ?? 0) - each.resumedFromStep));
    process.stdout.write(
      `\n${name}: ${kills.length} kills (${kills.join(', ')}), ${attempts.length} attempts, ` +
        `steps done again ${redone.slice(1).join(', ') || 'none'} (interval ${EVERY_STEPS}), ` +
        `weights ${report.weightsSha256?.slice(0, 16)} against ${reference.weightsSha256?.slice(0, 16)}\n`,
    );
    expect(kills.length).toBe(KILLS);
    expect(report.weightsSha256).toBe(reference.weightsSha256);
    expect(Math.max(0, ...redone)).toBeLessThanOrEqual(EVERY_STEPS);
  });
});

const targets: readonly (readonly ProcessRole[])[] = [
  ['trainer'],
  ['worker'],
  ['trainer', 'images', 'worker', 'supervisor', 'temporal', 's3', 'other'],
];

/** Kills when the trainer has gone on by a random number of steps since it (re)started; rotates what is killed. */
async function killAtRandom(cli: GraftCli, runId: string, name: Name): Promise<string[]> {
  const random = stream(SEED, `kills/${name}`);
  const done: string[] = [];
  for (let i = 0; i < KILLS; i++) {
    const roles = targets[i % targets.length] ?? ['trainer'];
    const before = reachedStep(cli, runId);
    const wanted = before + 20 + Math.floor(random.uniform(0, i) * 150);
    if (!(await reached(cli, runId, wanted))) break;
    const count = cli.kill(...roles);
    if (count === 0) throw new Error(`nothing to kill: ${roles.join()}`);
    done.push(`${roles.length > 2 ? 'all' : roles.join()} after step ${reachedStep(cli, runId)}`);
    if (roles.includes('supervisor')) await cli.json('up');
  }
  return done;
}

async function reached(cli: GraftCli, runId: string, step: number): Promise<boolean> {
  for (let waitedMs = 0; waitedMs < 240_000; waitedMs += 20) {
    if (reachedStep(cli, runId) >= step) return true;
    await sleep(20);
  }
  return false;
}

/** What the trainer notes after every step, straight from its scratch folder. */
function reachedStep(cli: GraftCli, runId: string): number {
  const runs = join(cli.stateDir, 'files', 'scratch', 'runs', runId);
  if (!existsSync(runs)) return 0;
  const steps = readdirSync(runs).map((key) => {
    const path = join(runs, key, 'reached-step');
    return existsSync(path) ? Number.parseInt(readFileSync(path, 'utf8'), 10) : 0;
  });
  return Math.max(0, ...steps.filter(Number.isInteger));
}

async function finished(cli: GraftCli, runId: string): Promise<RunReport> {
  for (;;) {
    const shown = await cli.json<RunReport>('runs', 'show', runId);
    if (shown.status === 'completed') return shown;
    if (shown.status !== 'running')
      throw new Error(`run ${runId} is ${shown.status}: ${JSON.stringify(shown).slice(0, 2000)}`);
    await sleep(1000);
  }
}
