import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { asFloat32, float32Tensor } from '../../core/checkpoint/tensor-data.ts';
import type { TensorData } from '../../core/checkpoint/tensor-data.ts';
import { loadTensorFlow } from '../../infra/native/load-tensorflow.ts';
import { makeJob, runSession } from '../../test/lib/trainer-bench.ts';
import type { JobChange } from '../../test/lib/trainer-bench.ts';
import type { BackboneId } from '../backbones/backbone.ts';
import { createBackbone } from '../backbones/index.ts';
import { paramsOf } from '../nn/apply-blocks.ts';
import { initialize } from '../nn/initialize.ts';
import { readSafetensorsFile, writeSafetensorsFile } from '../weights/safetensors-file.ts';

beforeAll(() => loadTensorFlow({ threads: 2 }));

let dir = '';
let jobs = 0;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'graft-trainer-'));
});
afterEach(() => {
  rmSync(dir, { recursive: true });
});

const fresh = (change: JobChange) => makeJob(join(dir, String(jobs++)), change);
const tensorsOf = async (path: string): Promise<Map<string, TensorData>> => (await readSafetensorsFile(path)).tensors;

/** Weights of a backbone as if they were pretrained: moving statistics away from their start. `gamma` of the last block. */
async function pretrained(backbone: BackboneId, gamma = 1): Promise<string> {
  const path = join(dir, `${backbone}.safetensors`);
  const specs = paramsOf(createBackbone(backbone).blocks);
  const values = initialize(specs, 77);
  const tensors = new Map(
    specs.map(({ name, shape, kind }) => {
      const value = values.get(name)!;
      if (name.endsWith('conv4/bn/gamma')) value.fill(gamma);
      return [name, float32Tensor(kind === 'statistic' ? value.map((one, i) => one + 0.01 * (i % 7)) : value, shape)];
    }),
  );
  await writeSafetensorsFile(path, tensors);
  return path;
}

describe('what is frozen', () => {
  const cases: [string, BackboneId, number, JobChange][] = [
    ['head', 'tiny-cnn', 4, { model: { strategy: 'head' } }],
    ['head behind a flip', 'tiny-cnn', 4, { model: { strategy: 'head' }, augment: { flipHorizontal: 0.5 } }],
    ['last-n', 'tiny-cnn', 2, { model: { strategy: 'last-n', lastN: 2 } }],
    [
      'last-n behind a flip',
      'tiny-cnn',
      2,
      { model: { strategy: 'last-n', lastN: 2 }, augment: { flipHorizontal: 0.5 } },
    ],
    [
      'last-n',
      'mobilenet-v2',
      17,
      { model: { strategy: 'last-n', lastN: 2 }, sizePx: 32, rows: { train: [6], validation: [3] } },
    ],
    ['full', 'tiny-cnn', 0, { model: { strategy: 'full' } }],
  ];

  it.each(cases)(
    '(%s of %s, up to block %i) keeps every bit, BatchNorm’s statistics too; the rest moves',
    async (_, id, cut, change) => {
      const weightsPath = await pretrained(id);
      const model = { ...change.model, backbone: id, dropout: 0.1 };
      const job = await fresh({ ...change, model, train: { epochs: 2 }, weightsPath });
      const { result } = await runSession(job);
      const [before, after] = [await tensorsOf(weightsPath), await tensorsOf(result!.weightsPath)];
      const blocks = createBackbone(id).blocks;
      const kept = [...before].filter(([name, { data }]) => Buffer.from(data).equals(after.get(name)!.data));
      expect(kept.map(([name]) => name).sort()).toEqual(
        paramsOf(blocks, 0, cut)
          .map(({ name }) => name)
          .sort(),
      );
      expect([...after.keys()].sort()).toEqual([...before.keys(), 'head/logits/bias', 'head/logits/kernel'].sort());
      const trainable = paramsOf(blocks, cut).filter(({ kind }) => kind === 'weight');
      const head = asFloat32(after.get('head/logits/kernel')!).length + 3;
      const own = trainable.reduce((sum, { shape }) => sum + shape.reduce((product, size) => product * size, 1), 0);
      expect(result?.trainableParameters).toBe(own + head);
    },
  );
});

describe('tensors', () => {
  it.each([
    ['scratch', { model: { dropout: 0.2 }, augment: { flipHorizontal: 0.5 } }],
    ['head', { model: { strategy: 'head', dropout: 0.2 } }],
    ['last-n', { model: { strategy: 'last-n', lastN: 1 }, train: { optimizer: { kind: 'momentum' } } }],
  ])('(%s) are the same number after every step, and none is left at the end', async (_, change: JobChange) => {
    const train = { epochs: 4, clipNorm: 1, labelSmoothing: 0.1, ...change.train };
    const before = tf.memory().numTensors;
    const { events } = await runSession(await fresh({ ...change, train }));
    const counts = events.flatMap((event) => (event.kind === 'step' ? [event.tensors] : []));
    expect(counts).toHaveLength(20);
    expect(new Set(counts).size).toBe(1);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('are all given back by a training that fails', async () => {
    const job = await breaksAfterOneStep({});
    const before = tf.memory().numTensors;
    await expect(runSession(job)).rejects.toMatchObject({ code: 'TRAIN_NONFINITE' });
    expect(tf.memory().numTensors).toBe(before);
  });
});

/** Features of 10^19 that are frozen: the first step is finite, and its update sends every logit beyond float32. */
async function breaksAfterOneStep(train: object) {
  return fresh({
    model: { strategy: 'head' },
    weightsPath: await pretrained('tiny-cnn', 1e19),
    train: { optimizer: { kind: 'sgd', learningRate: 100 }, featureType: 'float32', ...train },
  });
}

describe('a loss that is not finite', () => {
  it('is told with its step, learning rate and rows', async () => {
    await expect(runSession(await breaksAfterOneStep({}))).rejects.toMatchObject({
      code: 'TRAIN_NONFINITE',
      kind: 'failed',
      message: expect.stringMatching(
        /^TRAIN_NONFINITE: step 2 of epoch 1, training rows (\d+, ){3}\d+ — the loss is (NaN|-?Infinity) at learning rate 100 — a finite loss — lower/,
      ),
    });
  });

  it('of the validation alone fails the run too, instead of going out as no number', async () => {
    // One step an epoch: the update that breaks the weights is followed by a validation, not by a step.
    await expect(runSession(await breaksAfterOneStep({ batchSize: 64 }))).rejects.toMatchObject({
      code: 'TRAIN_NONFINITE',
      kind: 'failed',
      message: expect.stringMatching(/^TRAIN_NONFINITE: validation of epoch 1, after step 1 — the loss is/),
    });
  });

  it('is not waited for where frozen features are too large for float16', async () => {
    const job = await breaksAfterOneStep({ featureType: 'float16' });
    await expect(runSession(job)).rejects.toMatchObject({
      code: 'FEATURE_RANGE',
      kind: 'input',
      message: expect.stringMatching(/at most 65504, the largest float16 — set train\.featureType: float32$/),
    });
  });
});

describe('the loss that is reported', () => {
  it('is the mean since the last report, however large it was before', async () => {
    const { events } = await runSession(await fresh({ train: { optimizer: { kind: 'sgd', learningRate: 100 } } }));
    const steps = events.flatMap((event) => (event.kind === 'step' ? [event] : []));
    const epochs = events.flatMap((event) => (event.kind === 'epoch' ? [event.metrics] : []));
    for (const { epoch, trainLoss } of epochs) {
      // Four batches of four, one of two.
      const own = steps.filter((step) => step.epoch === epoch).map(({ loss }, index) => loss * (index < 4 ? 4 : 2));
      expect(own.reduce((sum, loss) => sum + loss, 0) / 18 / trainLoss).toBeCloseTo(1, 9);
    }
  });
});

describe('a model', () => {
  it('learns what can be learnt, and ends with the weights of its best epoch', async () => {
    const job = await fresh({
      rows: { train: [96], validation: [24] },
      train: { epochs: 6, batchSize: 16, optimizer: { kind: 'adam', learningRate: 0.01 } },
    });
    const { result, events } = await runSession(job);
    expect(result!.best.validationAccuracy).toBeGreaterThan(0.9);
    const losses = events.flatMap((event) => (event.kind === 'epoch' ? [event.metrics.validationLoss] : []));
    expect(result!.bestEpoch).toBe(1 + losses.indexOf(Math.min(...losses)));
    expect(readFileSync(join(job.workDir, 'metrics.jsonl'), 'utf8').match(/"kind":"epoch"/g)).toHaveLength(6);
  });

  it('of the same seed has the same bits, of another seed others', async () => {
    const hashes = await Promise.all(
      [1, 1, 2].map(
        async (seed) => (await runSession(await fresh({ train: { epochs: 1, seed } }))).result!.weightsSha256,
      ),
    );
    expect(hashes[0]).toBe(hashes[1]);
    expect(hashes[2]).not.toBe(hashes[0]);
  });

  it.each([
    ['DATASET_SPLIT', { rows: { train: [8], validation: [] } }],
    ['CONFIG_VALUE', { model: { strategy: 'last-n', lastN: 5 } }],
  ])('that can’t be made is a clear error: %s', async (code, change: JobChange) => {
    await expect(runSession(await fresh(change))).rejects.toMatchObject({ code, kind: 'input' });
  });

  it('is not made of pixels for another one', async () => {
    const job = await fresh({});
    const wrong = { ...job, model: { ...job.model, normalization: 'imagenet-mean-std' } };
    await expect(runSession(wrong)).rejects.toMatchObject({ code: 'NORMALIZATION_MISMATCH', kind: 'input' });
  });
});
