import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { MlEvent, TrainJob } from '../../contracts/ml-protocol.ts';
import { asFloat32, elementCount } from '../../core/checkpoint/tensor-data.ts';
import { freshCounters } from '../../core/training/progress.ts';
import { learningRateAt } from '../../core/training/schedule.ts';
import { makeJob } from '../../test/lib/trainer-bench.ts';
import type { JobChange } from '../../test/lib/trainer-bench.ts';
import { tinyCnn } from '../backbones/tiny-cnn.ts';
import { classificationHead } from '../nn/head.ts';
import type { Inputs, Source } from './inputs.ts';
import { trainLoop } from './loop.ts';
import type { LoopEnd } from './loop.ts';
import type { Model } from './model.ts';
import { createLearner, nonFinite } from './learner.ts';
import { validate } from './validate.ts';

beforeAll(async () => {
  vi.spyOn(console, 'warn').mockImplementation(() => undefined);
  await tf.setBackend('cpu');
});

let dir = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'graft-loop-'));
});
afterEach(() => {
  rmSync(dir, { recursive: true });
});

const ROWS = 10;
const CLASSES = 2;

/** Made-up features of ten rows; notes which rows are asked for, and at which epoch. */
function recordingInputs(): { inputs: Inputs; batches: { rows: readonly number[]; epoch: number | null }[] } {
  const batches: { rows: readonly number[]; epoch: number | null }[] = [];
  const source = (rows: number): Source => ({
    rows,
    rowBytes: 0,
    spec: { kind: 'codes', shape: [CLASSES] },
    prefetch: (indexes) => ({ indexes, bytes: Promise.resolve(new Uint8Array()) }),
    batch({ indexes }, epoch) {
      batches.push({ rows: indexes, epoch });
      const x = Float32Array.from(indexes.flatMap((row) => [row / ROWS, 1 - row / ROWS]));
      return Promise.resolve({ x, labels: Int32Array.from(indexes, (row) => row % CLASSES) });
    },
  });
  return { inputs: { train: source(ROWS), validation: source(4), close: () => Promise.resolve() }, batches };
}

interface Options {
  /** How the host's clock goes from look to look. */
  readonly msPerLook?: number;
  readonly stopAfterSteps?: number;
  /** The step whose loss is no number, the first time that it is tried. */
  readonly breaksAtStep?: number;
}

/** A head alone on made-up features: the loop is what is looked at. */
async function loop(change: JobChange, options: Options = {}, from?: TrainJob) {
  const job = from ?? (await makeJob(dir, change));
  mkdirSync(join(job.workDir, 'checkpoints'), { recursive: true });
  const blocks = classificationHead({ channels: CLASSES, classes: CLASSES, dropout: 0 });
  const all = blocks.flatMap((block) => block.params);
  const model: Model = { backbone: tinyCnn(), blocks, cut: 0, prefix: 0, trainable: all, statistics: [], all };
  const { optimizer, backboneRate, labelSmoothing, clipNorm, averageDecay, seed, batchSize } = job.config;
  const learner = await createLearner(model, {
    ...{ optimizer, backboneRate, labelSmoothing, clipNorm, averageDecay, augment: job.augment, seed, batchSize },
    ...{ rows: { kind: 'codes', shape: [CLASSES] }, trainRows: ROWS, scratchDir: dir },
  });
  const { shapes } = learner.engine;
  learner.engine.write(
    new Map([...shapes].map(([name, shape]) => [name, new Float32Array(elementCount(shape)).fill(startOf(name))])),
  );
  const { inputs, batches } = recordingInputs();
  const events: MlEvent[] = [];
  let now = 0;
  let looks = 0;
  let breaksAt = options.breaksAtStep;
  const step: typeof learner.step = (batch, address) => {
    if (address.step !== breaksAt) return learner.step(batch, address);
    breaksAt = undefined;
    throw nonFinite(Number.NaN, address);
  };
  const breaking = Object.assign(Object.create(learner), { step });
  const restartedFrom: number[][] = [];
  const host = {
    emit: (event: MlEvent) => void events.push(event),
    stopRequested: () => ++looks > (options.stopAfterSteps ?? Infinity),
    nowMs: () => (now += options.msPerLook ?? 0),
    residentBytes: () => 0,
  };
  const end: LoopEnd = await trainLoop(
    {
      ...{ job, learner: breaking, best: null, inputs, host },
      restart: (best) => restartedFrom.push([...(best?.values() ?? [])].flatMap((each) => [...asFloat32(each)])),
      validate: () => validate(learner, inputs.validation, job.config.batchSize),
    },
    job.resume?.counters ?? { ...freshCounters },
  );
  learner.engine.dispose();
  const saved = events.flatMap((event) => (event.kind === 'checkpoint' ? [event.staged] : []));
  return { job, end, batches, saved, events, restartedFrom };
}

const startOf = (name: string): number => (name.startsWith('param/') ? 0.1 : 0);
const trainBatches = (batches: Awaited<ReturnType<typeof loop>>['batches'], epoch: number): readonly number[][] =>
  batches.filter((batch) => batch.epoch === epoch).map(({ rows }) => [...rows]);
const sorted = (rows: readonly number[]): number[] => [...rows].sort((a, b) => a - b);

describe('an epoch', () => {
  it('takes every row once, in batches, in an order of its own; validation goes row by row', async () => {
    const { batches } = await loop({ train: { epochs: 3, batchSize: 4 } });
    const orders = [0, 1, 2].map((epoch) => trainBatches(batches, epoch));
    for (const order of orders) {
      expect(order.map(({ length }) => length)).toEqual([4, 4, 2]);
      expect(sorted(order.flat())).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    }
    expect(new Set(orders.map(String)).size).toBe(3);
    const validation = batches.filter(({ epoch }) => epoch === null);
    expect(validation.map(({ rows }) => rows)).toEqual([
      [0, 1, 2, 3],
      [0, 1, 2, 3],
      [0, 1, 2, 3],
    ]);
  });

  it('of another seed has another order', async () => {
    const orderOf = async (seed: number): Promise<string> => {
      const { batches } = await loop({ train: { epochs: 1, batchSize: 4, seed } });
      return String(trainBatches(batches, 0));
    };
    expect(await orderOf(1)).toBe(await orderOf(1));
    expect(await orderOf(2)).not.toBe(await orderOf(1));
  });

  it('that was left goes on with the rows that it had not seen', async () => {
    const whole = await loop({ train: { epochs: 1, batchSize: 4 } });
    const left = await loop({ train: { epochs: 1, batchSize: 4 } }, { stopAfterSteps: 0 });
    expect(left.end).toMatchObject({ kind: 'stopped', reason: 'requested', counters: { step: 1, cursor: 4 } });
    const [point] = left.saved;
    const resume = { path: point!.path, sha256: point!.sha256, counters: point!.counters };
    const rest = await loop({}, {}, { ...left.job, resume });
    expect([...trainBatches(left.batches, 0), ...trainBatches(rest.batches, 0)]).toEqual(
      trainBatches(whole.batches, 0),
    );
  });
});

describe('learning rates', () => {
  it.each([{ kind: 'one-cycle' }, { kind: 'cosine', warmupSteps: 3 }, { kind: 'exponential', decaySteps: 2 }])(
    'are those of the schedule over all steps of the run: %j',
    async (schedule) => {
      const { job } = await loop({ train: { epochs: 3, batchSize: 4, schedule } });
      const lines = readFileSync(join(job.workDir, 'metrics.jsonl'), 'utf8').trim().split('\n');
      const steps = lines.map((line): { kind: string; step: number; learningRate: number } => JSON.parse(line));
      const { optimizer } = job.config;
      const rate = (step: number): number => learningRateAt(job.config.schedule, optimizer.learningRate, step, 9);
      const told = steps.filter(({ kind }) => kind === 'step').map(({ learningRate }) => learningRate);
      expect(told).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8].map(rate));
      const epochs = steps.filter(({ kind }) => kind === 'epoch').map(({ learningRate }) => learningRate);
      expect(epochs).toEqual([rate(2), rate(5), rate(8)]);
    },
  );
});

describe('saving', () => {
  const stepsOf = (saved: readonly { counters: { step: number; epoch: number } }[]): string[] =>
    saved.map(({ counters }) => `${counters.step}/${counters.epoch}`);

  it('is due by steps, the last of an epoch after its validation', async () => {
    const checkpoint = { everySteps: 2, everySeconds: null, keepBest: false };
    const { saved } = await loop({ train: { epochs: 3, batchSize: 4, checkpoint } });
    expect(stepsOf(saved)).toEqual(['2/0', '4/1', '6/2', '8/2']);
  });

  it('is due after every epoch that is the best so far', async () => {
    const checkpoint = { everySteps: 1000, everySeconds: null };
    const optimizer = { kind: 'sgd', learningRate: 5 };
    const { saved, events } = await loop({ train: { epochs: 8, batchSize: 4, checkpoint, optimizer } });
    const losses = events.flatMap((event) => (event.kind === 'epoch' ? [event.metrics.validationLoss] : []));
    const best = losses.flatMap((loss, index) =>
      losses.slice(0, index).every((one) => one > loss) ? [index + 1] : [],
    );
    expect(best.length).toBeLessThan(8);
    expect(stepsOf(saved)).toEqual(best.map((epoch) => `${3 * epoch}/${epoch}`));
    expect(saved.every(({ isBest }) => isBest)).toBe(true);
  });

  it('is due by the clock', async () => {
    const checkpoint = { everySteps: 1000, everySeconds: 0.005, keepBest: false };
    expect((await loop({ train: { epochs: 2, batchSize: 4, checkpoint } })).saved).toEqual([]);
    const { saved } = await loop({ train: { epochs: 2, batchSize: 4, checkpoint } }, { msPerLook: 6 });
    expect(stepsOf(saved)).toEqual(['1/0', '2/0', '3/1', '4/1', '5/1', '6/2']);
  });

  it('is done where it is asked to stop, after the validation at the end of an epoch', async () => {
    const checkpoint = { everySteps: 1000, everySeconds: null, keepBest: false };
    for (const [stopAfterSteps, expected] of [
      [0, '1/0'],
      [1, '2/0'],
      [2, '3/1'],
      [3, '4/1'],
    ] as const) {
      const { saved, end } = await loop({ train: { epochs: 2, batchSize: 4, checkpoint } }, { stopAfterSteps });
      expect(stepsOf(saved)).toEqual([expected]);
      expect(end.kind).toBe('stopped');
    }
  });

  it('lends the best epoch’s values, and waits for them before it goes back to them', async () => {
    const train = { epochs: 2, batchSize: 4, checkpoint: { everySteps: 1000, everySeconds: 0.005, keepBest: false } };
    const { end, restartedFrom } = await loop(
      { train: { ...train, onNonFinite: { kind: 'rollback' } } },
      { msPerLook: 6, breaksAtStep: 5 },
    );
    const [values = []] = restartedFrom;
    expect(values.length).toBe(CLASSES * CLASSES + CLASSES);
    expect(values.every((value) => value !== 0)).toBe(true);
    expect(end.kind === 'finished' && [...(end.best?.values() ?? [])].map(({ data }) => data.length)).toEqual([16, 8]);
  });

  it('notes the step that was reached after every one', async () => {
    const { job } = await loop({ train: { epochs: 2, batchSize: 4 } });
    expect(Number(readFileSync(join(job.workDir, 'reached-step'), 'utf8'))).toBe(6);
  });
});

describe('reports', () => {
  it('come at most every half second, and with the last step', async () => {
    const change = { train: { epochs: 3, batchSize: 4, checkpoint: { everySteps: 1000, everySeconds: null } } };
    const stepsOf = (events: readonly MlEvent[]): number[] =>
      events.flatMap((event) => (event.kind === 'step' ? [event.step] : []));
    expect(stepsOf((await loop(change)).events)).toEqual([9]);
    expect(stepsOf((await loop(change, { msPerLook: 500 })).events)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });
});
