import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { asFloat32, toFloat32 } from '../../core/checkpoint/tensor-data.ts';
import type { TensorData } from '../../core/checkpoint/tensor-data.ts';
import { loadTensorFlow } from '../../infra/native/load-tensorflow.ts';
import { featuresFirst } from '../../test/lib/features-first.ts';
import { featureDirOf, makeJob, runSession, runToEnd } from '../../test/lib/trainer-bench.ts';
import type { JobChange } from '../../test/lib/trainer-bench.ts';
import { readSafetensorsFile } from '../weights/safetensors-file.ts';
import { openInputs } from './inputs.ts';

beforeAll(() => loadTensorFlow({ threads: 2 }));

let dir = '';
let jobs = 0;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'graft-features-'));
});
afterEach(() => {
  rmSync(dir, { recursive: true });
});

const fresh = (change: JobChange) => makeJob(join(dir, String(jobs++)), change);
const tensorsOf = async (path: string): Promise<Map<string, TensorData>> => (await readSafetensorsFile(path)).tensors;

describe('frozen features', () => {
  const change: JobChange = {
    model: { strategy: 'head', dropout: 0.2 },
    rows: { train: [200, 101], validation: [40] },
    train: { epochs: 2, batchSize: 64 },
  };

  it('killed at every word, or torn on the disk, give the same bits', async () => {
    const whole = await runToEnd(await fresh(change));
    // Batches of 32 rows: ten to train on in two files, two to validate in one; a word after each batch and each file.
    const words = 10 + 2 + 2 + 1;
    for (let word = 1; word <= words + 1; word++) {
      const job = await fresh(change);
      const killed = await runSession(job, { crashAtEvent: word });
      expect(killed.crashed).toBe(true);
      expect(killed.events.every(({ kind }) => kind === 'features' || kind === 'shard')).toBe(true);
      expect((await runToEnd(job)).weightsSha256).toBe(whole.weightsSha256);
    }
    const flip = (path: string): void => {
      const bytes = readFileSync(path);
      bytes[bytes.length >> 1]! ^= 1;
      writeFileSync(path, bytes);
    };
    for (const damage of [(path: string) => truncateSync(path, statSync(path).size - 1), flip]) {
      const job = await fresh(change);
      await runSession(job, { crashAtEvent: words });
      const [first] = readdirSync(join(featureDirOf(job), 'train'));
      damage(join(featureDirOf(job), 'train', first!));
      expect((await runToEnd(job)).weightsSha256).toBe(whole.weightsSha256);
    }
  });

  it('are computed once: the next training of the same trunk finds them', async () => {
    const first = await fresh(change);
    await runSession(first);
    const second = await fresh({ ...change, train: { epochs: 1, batchSize: 32, seed: 1 } });
    const { events, result } = await runSession(second, { featureDir: featureDirOf(first) });
    expect(events.filter(({ kind }) => kind === 'features')).toEqual([
      { kind: 'features', done: 256, total: 341 },
      { kind: 'features', done: 301, total: 341 },
      { kind: 'features', done: 341, total: 341 },
    ]);
    const found = events.flatMap((event) => (event.kind === 'shard' ? [event.staged.seconds] : []));
    expect(found).toEqual([null, null, null]);
    const alone = await runToEnd(await fresh({ ...change, train: { epochs: 1, batchSize: 32, seed: 1 } }));
    expect(result?.weightsSha256).toBe(alone.weightsSha256);
  });

  it('are the output of the blocks that do not learn, to the bit as float32, to its nearest as float16', async () => {
    const shards = new Map<string, Map<string, TensorData>>();
    for (const featureType of ['float32', 'float16']) {
      const { events } = await runSession(await fresh({ ...change, train: { ...change.train, featureType } }));
      const [path] = events.flatMap((event) => (event.kind === 'shard' ? [event.staged.path] : []));
      shards.set(featureType, await tensorsOf(path!));
    }
    const [whole, half] = ['float32', 'float16'].map((type) => shards.get(type)!.get('codes')!);
    expect([whole!.dtype, half!.dtype]).toEqual(['F32', 'F16']);
    expect(half!.shape).toEqual(whole!.shape);
    const exact = asFloat32(whole!);
    const rounded = toFloat32(half!);
    for (const [i, value] of exact.entries()) {
      expect(Math.abs(rounded[i]! - value)).toBeLessThanOrEqual(Math.max(2 ** -25, Math.abs(value) * 2 ** -11));
    }
    expect(shards.get('float16')!.get('labels')).toEqual(shards.get('float32')!.get('labels'));
  });

  it('are not kept where a flip comes before them: it would be lost', async () => {
    const small = { ...change, rows: { train: [12], validation: [4] } };
    const plain = await runToEnd(await fresh(small));
    const job = await fresh({ ...small, augment: { flipHorizontal: 0.5 } });
    expect((await runSession(job)).events.map(({ kind }) => kind)).not.toContain('features');
    expect((await runToEnd(await fresh({ ...small, augment: { flipHorizontal: 0.5 } }))).weightsSha256).not.toBe(
      plain.weightsSha256,
    );
  });

  it('stop when they are asked to, with nothing to save yet, and go on from the last whole file', async () => {
    const whole = await runToEnd(await fresh(change));
    for (const words of [0, 5, 10]) {
      const job = await fresh(change);
      const { events, result } = await runSession(job, { stopAfterEvents: words });
      expect(result).toBeNull();
      expect(events.at(-1)).toEqual({ kind: 'stopped', step: 0, reason: 'requested' });
      expect(events.length).toBeLessThanOrEqual(words + 2);
      expect((await runToEnd(job)).weightsSha256).toBe(whole.weightsSha256);
    }
  });
});

describe('variants of augmented images', () => {
  const draws = { flipHorizontal: 0.5, brightness: 0.2, noise: {} };
  const change = (cachedVariants: number | null, epochs = 4): JobChange => ({
    model: { strategy: 'head', dropout: 0.2 },
    rows: { train: [7, 11], validation: [5, 1] },
    augment: { ...draws, cachedVariants },
    train: { epochs, batchSize: 4, featureType: 'float32' },
  });
  const lossesOf = async (job: JobChange): Promise<number[]> => {
    const { events } = await runSession(await fresh(job));
    return events.flatMap((event) => (event.kind === 'epoch' ? [event.metrics.trainLoss] : []));
  };

  it('as many as epochs are what is drawn anew in every epoch', async () => {
    const [kept, anew, plain] = [
      await lossesOf(change(4)),
      await lossesOf(change(null)),
      await lossesOf({ ...change(4), augment: {} }),
    ];
    for (const [epoch, loss] of kept.entries()) expect(loss / anew[epoch]!).toBeCloseTo(1, 4);
    expect(Math.abs(kept[0]! / plain[0]! - 1)).toBeGreaterThan(1e-4);
  });

  it('go round: epoch e reads what was drawn at epoch e mod K', async () => {
    const job = await fresh(change(3));
    const host = { emit: () => undefined, stopRequested: () => false, nowMs: () => 0, residentBytes: () => 0 };
    const ready = (await featuresFirst(job, featureDirOf(job), host))!;
    const inputs = await openInputs(ready);
    const read = async (epoch: number) => (await inputs.train.batch(inputs.train.prefetch([3, 9, 17], epoch), epoch)).x;
    const rows = await Promise.all([0, 1, 2, 3, 4, 5].map(read));
    expect(rows.slice(3)).toEqual(rows.slice(0, 3));
    expect(new Set(rows.slice(0, 3).map(String)).size).toBe(3);
    await inputs.close();
    // The draw at an address is the same whichever variants there are: they can be shared.
    const more = await fresh(change(4));
    await featuresFirst(more, featureDirOf(more), host);
    for (const name of ['train-0', 'train-1', 'train-2', 'validation']) {
      expect(readdirSync(join(featureDirOf(more), name))).toEqual(readdirSync(join(featureDirOf(job), name)));
    }
  });

  it('of one are a fixed augmentation, and validation images are as they are', async () => {
    const [one, plain] = [await fresh(change(1)), await fresh({ ...change(1), augment: {} })];
    for (const job of [one, plain]) await runSession(job);
    expect(readdirSync(join(featureDirOf(one), 'validation'))).toEqual(
      readdirSync(join(featureDirOf(plain), 'validation')),
    );
    expect(readdirSync(join(featureDirOf(one), 'train-0'))).not.toEqual(
      readdirSync(join(featureDirOf(plain), 'train')),
    );
    expect(readdirSync(featureDirOf(one)).sort()).toEqual(['train-0', 'validation']);
  });

  it('stopped and killed anywhere end with the same bits', async () => {
    const whole = await runToEnd(await fresh(change(2)));
    const words = (await runSession(await fresh(change(2)))).events.length;
    for (let word = 1; word <= words; word += 3) {
      const job = await fresh(change(2));
      expect((await runSession(job, { crashAtEvent: word })).crashed).toBe(true);
      expect((await runToEnd(job)).weightsSha256).toBe(whole.weightsSha256);
    }
    expect((await runToEnd(await fresh(change(2)), () => ({ stopAfterSteps: 2 }))).weightsSha256).toBe(
      whole.weightsSha256,
    );
  });
});
