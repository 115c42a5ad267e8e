import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { TrainInput } from '../../contracts/stages.ts';
import { decodeSafetensors } from '../../core/checkpoint/safetensors.ts';
import { unwrap } from '../../core/result.ts';
import { measuredFigures } from '../../core/training/measured-normalization.ts';
import { createKillSwitch } from '../../test/fakes/kill-switch.ts';
import { createMemoryObjectStore } from '../../test/fakes/memory-object-store.ts';
import type { Script } from '../../test/fakes/scripted-ml-runner.ts';
import { hashOf } from '../../test/fakes/stage-fixtures.ts';
import { stageAt } from '../../test/fakes/staged-checkpoint.ts';
import {
  checkpoint,
  createTrainWorld,
  jobOf,
  ready,
  RUN,
  trains,
  WEIGHTS,
  works,
} from '../../test/fakes/train-stage.ts';
import type { TrainWorld } from '../../test/fakes/train-stage.ts';
import { listAttempts } from './attempt.ts';

let dir = '';
let world: TrainWorld;
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'graft-train-'));
  world = await createTrainWorld(dir);
});
afterEach(() => {
  rmSync(dir, { recursive: true });
});

const crashesAfter =
  (step: number): Script =>
  async (host) => {
    ready(host);
    await checkpoint(host, step);
    await world.committed(1);
    throw new Error('SIGKILL');
  };

describe('training', () => {
  it('uploads the weights beside its manifest, and is not done again', async () => {
    const first = await world.train([trains]).result;
    expect(first).toMatchObject({
      stage: 'train',
      cached: false,
      output: { weights: { sha256: hashOf(WEIGHTS) }, steps: 50, environment: { tensorflow: '2.21.0' } },
      summary: '50 steps, 5 epochs; best epoch 5: validation loss 0.6000, accuracy 0.7500',
    });
    expect((await world.store.get(first.output.weights.key))?.body.toString()).toBe(WEIGHTS);
    const again = world.train([]);
    expect(await again.result).toMatchObject({ cached: true, output: first.output });
    expect(again.ml.jobs).toEqual([]);
  });

  it('is done again where its weights are gone from the store', async () => {
    const first = await world.train([trains]).result;
    await world.store.delete(first.output.weights.key);
    expect(await world.train([trains]).result).toMatchObject({ cached: false, key: first.key });
  });

  it('keeps what lies on the disk until the result is safe, then no longer', async () => {
    const workDirs: string[] = [];
    const script: Script = async (host) => {
      workDirs.push(jobOf(host.job).workDir);
      await trains(host);
    };
    const kill = createKillSwitch();
    const store = createMemoryObjectStore({
      before: (call, key) => (key.includes('stages/train/') ? kill.before(call, key) : undefined),
    });
    const fragile = await createTrainWorld(dir, store);
    // The manifest's absence is seen, the weights are written; the manifest is not.
    kill.arm(2);
    await expect(fragile.train([script]).result).rejects.toThrow('killed');
    expect(existsSync(workDirs[0]!)).toBe(true);
    kill.disarm();
    await fragile.train([script]).result;
    expect(workDirs[1]).toBe(workDirs[0]);
    expect(existsSync(workDirs[0]!)).toBe(false);
  });

  it('gives the child local files, no keys of the store', async () => {
    const { ml, result } = world.train([trains]);
    await result;
    const job = jobOf(ml.jobs[0]);
    expect(job.train).toMatchObject({ rows: 12, shards: [{ rows: 12 }] });
    expect(hashOf(readFileSync(job.train.shards[0]!.path))).toBe(job.train.shards[0]!.path.split('/').at(-1));
    expect(JSON.stringify(job)).not.toContain('stages/');
  });

  it('gives a small head on codes one thread, and the pass before it all, unless it is told how many', async () => {
    const threadsOf = async (train: object): Promise<readonly number[]> => {
      const { ml, result } = world.train([works, works], {
        input: world.inputWith({ model: { strategy: 'head' }, train }),
      });
      await result;
      return ml.threads;
    };
    expect(await threadsOf({})).toEqual([2, 1]);
    expect(await threadsOf({ threads: 4 })).toEqual([4, 4]);
  });

  it('is addressed by all that can change a bit of the result, and by nothing else', async () => {
    const keyOf = async (input: TrainInput): Promise<string> =>
      (await world.train([works, works], { input }).result).key;
    const base = await keyOf(world.inputWith());
    const matters = [
      { train: { seed: 2 } },
      { train: { epochs: 6 } },
      { train: { batchSize: 8 } },
      { train: { threads: 1 } },
      { train: { optimizer: { kind: 'adam', learningRate: 0.1 } } },
      { train: { clipNorm: 1 } },
      { train: { earlyStop: { patience: 9 } } },
      { train: { bestMetric: 'validation.accuracy' } },
      { model: { dropout: 0.1 } },
      { model: { strategy: 'full' } },
      { model: { strategy: 'last-n', lastN: 1 } },
      { model: { strategy: 'last-n', lastN: 2 } },
      { augment: { flipHorizontal: 0.5 } },
      { augment: { flipHorizontal: 0.5 }, model: { strategy: 'head' } },
      { augment: { flipHorizontal: 0.5, cachedVariants: 2 }, model: { strategy: 'head' } },
      { augment: { flipHorizontal: 0.5, cachedVariants: 3 }, model: { strategy: 'head' } },
      { model: { strategy: 'head' } },
      { model: { strategy: 'head' }, train: { featureType: 'float32' } },
    ];
    const keys = new Set([base]);
    for (const change of matters) keys.add(await keyOf(world.inputWith(change)));
    expect(keys.size).toBe(matters.length + 1);
    const free = [
      { train: { checkpoint: { everySteps: 1, everySeconds: null, keepLast: 9 } } },
      { train: { memoryLimitMb: 4000 } },
      { train: { threads: 2 } },
      { model: { lastN: 5 } },
      // Nothing is frozen, or nothing is drawn.
      { train: { featureType: 'float32' } },
      { augment: { cachedVariants: 3 } },
      { image: { normalization: 'minus1-to-1' } },
    ];
    for (const change of free) expect(await keyOf(world.inputWith(change))).toBe(base);
  });

  it('measures the training images where asked, once, and trains with what they say', async () => {
    const input = world.inputWith({ image: { normalization: 'measured' }, model: { strategy: 'full' } });
    const { ml, result } = world.train([trains], { input });
    const { output } = await result;
    const { train, validation, model } = jobOf(ml.jobs[0]);
    expect(output.model.normalization).toBe(model.normalization);
    const { tensors } = unwrap(decodeSafetensors(readFileSync(train.shards[0]!.path)));
    const red = [...tensors.get('images')!.data].filter((_, i) => i % 3 === 0);
    const mean = red.reduce((sum, value) => sum + value, 0) / red.length;
    const deviation = Math.sqrt(red.reduce((sum, value) => sum + (value - mean) ** 2, 0) / red.length);
    const [first] = measuredFigures(model.normalization)!.mean;
    expect(first).toBeCloseTo(mean, 3);
    expect(measuredFigures(model.normalization)?.deviation[0]).toBeCloseTo(deviation, 3);
    expect(validation.rows).toBeGreaterThan(0);
    const measured = world.store.keys().filter((key) => key.startsWith('stages/measure/'));
    expect(measured).toHaveLength(1);
    expect(await world.train([], { input }).result).toMatchObject({ cached: true });
    expect(world.store.keys().filter((key) => key.startsWith('stages/measure/'))).toEqual(measured);
  });

  it('refuses another normalization than the backbone’s before anything is computed', async () => {
    const { ml, result } = world.train([], {
      input: world.inputWith({ image: { normalization: 'imagenet-mean-std' } }),
    });
    await expect(result).rejects.toMatchObject({ type: 'NORMALIZATION_MISMATCH', nonRetryable: true });
    expect(ml.jobs).toEqual([]);
  });
});

describe('a child that dies', () => {
  it('is an error that a retry mends: it goes on from the last checkpoint, on any machine', async () => {
    for (const machine of ['a', 'b']) {
      const crash = world.train([crashesAfter(20)]);
      await expect(crash.result).rejects.toMatchObject({ type: 'ML_CRASHED', nonRetryable: false });
      const next = world.train([trains], { machine, input: world.inputWith() });
      expect(await next.result).toMatchObject({ cached: false });
      expect(jobOf(next.ml.jobs[0]).resume?.counters.step).toBe(20);
      for (const key of world.store.keys()) if (/^(stages\/train|runs)\//.test(key)) await world.store.delete(key);
    }
  });

  it('before its checkpoint was uploaded goes on from the local one', async () => {
    const dies: Script = async (host) => {
      await stageAt(join(jobOf(host.job).workDir, 'checkpoints'), 30);
      throw new Error('SIGKILL');
    };
    await expect(world.train([dies]).result).rejects.toMatchObject({ type: 'ML_CRASHED' });
    const next = world.train([trains]);
    await next.result;
    expect(jobOf(next.ml.jobs[0]).resume).toMatchObject({ counters: { step: 30 } });
  });

  it('leaves how far it got to the next attempt', async () => {
    const dies: Script = async (host) => {
      await writeFile(join(jobOf(host.job).workDir, 'reached-step'), '          37');
      throw new Error('SIGKILL');
    };
    await expect(world.train([dies]).result).rejects.toThrow();
    await world.train([trains]).result;
    expect(await listAttempts(world.store, RUN)).toMatchObject([
      { attempt: 1, resumedFromStep: 0, reachedStep: null },
      { attempt: 2, resumedFromStep: 0, reachedStep: 37 },
    ]);
  });

  it('again and again before a step is done makes the run fail', async () => {
    const dies: Script = async (host) => {
      await writeFile(join(jobOf(host.job).workDir, 'reached-step'), '           0');
      throw new Error('SIGKILL');
    };
    for (let deaths = 0; deaths < 5; deaths++) {
      await expect(world.train([dies]).result).rejects.toMatchObject({ type: 'ML_CRASHED' });
    }
    await expect(world.train([]).result).rejects.toMatchObject({ type: 'TRAIN_HOPELESS', nonRetryable: true });
  });

  it('with an error of its own says it as it is', async () => {
    const fails: Script = ({ emit }) => {
      const parts = { where: 'step 7', seen: 'the loss is NaN', expected: 'a finite loss', remedy: 'lower it' };
      emit({ kind: 'failed', code: 'TRAIN_NONFINITE', errorKind: 'failed', ...parts });
    };
    await expect(world.train([fails]).result).rejects.toMatchObject({
      type: 'TRAIN_NONFINITE',
      nonRetryable: true,
      message: 'TRAIN_NONFINITE: step 7 — the loss is NaN — a finite loss — lower it',
      details: [{ code: 'TRAIN_NONFINITE', kind: 'failed', where: 'step 7', remedy: 'lower it' }],
    });
  });
});
