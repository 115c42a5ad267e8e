import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { asFloat32, elementCount } from '../../core/checkpoint/tensor-data.ts';
import { AugmentConfig, OptimizerConfig } from '../../contracts/pipeline-config.ts';
import golden from '../../test/golden/training/losses.json' with { type: 'json' };
import { tinyCnn } from '../backbones/tiny-cnn.ts';
import { initialize } from '../nn/initialize.ts';
import { classificationHead } from '../nn/head.ts';
import { buildModel } from './model.ts';
import type { Model } from './model.ts';
import { createLearner } from './learner.ts';
import type { Learner } from './learner.ts';
import { clipByGlobalNorm, slotStarts, variable } from './programs.ts';
import type { StepOptions } from './programs.ts';

beforeAll(async () => {
  vi.spyOn(console, 'warn').mockImplementation(() => undefined);
  await tf.setBackend('cpu');
});

const CLASSES = 5;
const [rows, labels] = [golden.logits, golden.labels];

/** A head alone: where its kernel is the identity, the features are the logits. */
function headModel(dropout = 0): Model {
  const blocks = classificationHead({ channels: CLASSES, classes: CLASSES, dropout });
  const all = blocks.flatMap((block) => block.params);
  return { backbone: tinyCnn(), blocks, cut: 0, prefix: 0, trainable: all, statistics: [], all };
}

const rowSpec = { kind: 'codes', shape: [CLASSES] } as const;
const plain: StepOptions = {
  optimizer: OptimizerConfig.parse({ kind: 'sgd' }),
  backboneRate: 1,
  labelSmoothing: 0,
  clipNorm: null,
  averageDecay: null,
  augment: AugmentConfig.parse({}),
  seed: 1,
};

async function headLearner(options: Partial<StepOptions>, batchSize: number, dropout = 0): Promise<Learner> {
  const model = headModel(dropout);
  const all = { ...plain, ...options };
  const learner = await createLearner(model, {
    ...{ ...all, rows: rowSpec, batchSize, trainRows: batchSize },
    scratchDir: '',
  });
  learner.engine.write(
    new Map([
      [variable.parameter('head/logits/kernel'), Float32Array.from(tf.eye(CLASSES).dataSync())],
      [variable.parameter('head/logits/bias'), new Float32Array(CLASSES)],
    ]),
  );
  for (const [name, { shape, start }] of slotStarts(model, all.optimizer)) {
    learner.engine.write(new Map([[name, new Float32Array(elementCount(shape)).fill(start)]]));
  }
  return learner;
}

const biasOf = ({ engine }: Learner): number[] => [
  ...engine.read([variable.parameter('head/logits/bias')]).get(variable.parameter('head/logits/bias'))!,
];

async function stepOnce(options: Partial<StepOptions>, address = { epoch: 0, step: 0, learningRate: 1 }, dropout = 0) {
  const learner = await headLearner(options, labels.length, dropout);
  const before = tf.memory().numTensors;
  const outcome = learner.step({ x: Float32Array.from(rows.flat()), labels: Int32Array.from(labels) }, address);
  const tensors = tf.memory().numTensors - before;
  const bias = biasOf(learner);
  learner.engine.dispose();
  return { ...outcome, bias, tensors };
}

const softmax = (row: readonly number[]): number[] => {
  const exps = row.map((value) => Math.exp(value - Math.max(...row)));
  const sum = exps.reduce((total, value) => total + value, 0);
  return exps.map((value) => value / sum);
};

describe('a step', () => {
  // keras CategoricalCrossentropy(from_logits, label_smoothing): test/golden/training/make_golden.py.
  it.each(golden.cases.map((each) => [each.smoothing, each.loss] as const))(
    'with label smoothing %f has the loss of Keras',
    async (labelSmoothing, loss) => {
      expect(Math.abs((await stepOnce({ labelSmoothing })).loss - loss)).toBeLessThan(1e-5);
    },
  );

  it('counts the rows whose largest logit is their label', async () => {
    const hits = rows.filter((row, index) => row.indexOf(Math.max(...row)) === labels[index]);
    expect((await stepOnce({})).correct).toBe(hits.length);
  });

  it.each([0, 0.3])('goes down the gradient, mean of softmax − target, with smoothing %f', async (labelSmoothing) => {
    const { bias } = await stepOnce({ labelSmoothing });
    for (let column = 0; column < CLASSES; column++) {
      const gradient = rows.reduce((sum, row, index) => {
        const target = (labels[index] === column ? 1 - labelSmoothing : 0) + labelSmoothing / CLASSES;
        return sum + (softmax(row)[column]! - target) / rows.length;
      }, 0);
      expect(Math.abs(bias[column]! + gradient)).toBeLessThan(1e-6);
    }
  });

  it('clips the gradient of all parameters together', async () => {
    const norm = Math.hypot(...(await stepOnce({ clipNorm: 1e-3 })).bias);
    expect(norm).toBeLessThan(1e-3);
    expect(norm).toBeGreaterThan(0);
    expect((await stepOnce({ clipNorm: 1e6 })).bias).toEqual((await stepOnce({})).bias);
  });

  it('is the first of its optimizer: Adam then moves every value by the learning rate', async () => {
    const { bias } = await stepOnce({ optimizer: OptimizerConfig.parse({ kind: 'adam' }) });
    for (const value of bias) expect(Math.abs(value)).toBeCloseTo(1, 2);
  });

  it('is the one that its address says: the bias correction of a resumed run goes on', async () => {
    const optimizer = OptimizerConfig.parse({ kind: 'adam', epsilon: 1e-12 });
    const { bias } = await stepOnce({ optimizer }, { epoch: 0, step: 4, learningRate: 1 });
    // From empty slots, m/√v is .1/√.001 of the gradient's sign, whatever the step.
    const rate = Math.sqrt(1 - 0.999 ** 5) / (1 - 0.9 ** 5);
    for (const value of bias) expect(Math.abs(value)).toBeCloseTo((rate * 0.1) / Math.sqrt(0.001), 4);
  });

  it('leaves no tensor behind', async () => {
    expect((await stepOnce({ clipNorm: 1 }, undefined, 0.5)).tensors).toBe(0);
  });

  it('draws dropout at (seed, epoch, step): the same there, another elsewhere', async () => {
    const at = async (seed: number, epoch: number, step: number) =>
      (await stepOnce({ seed }, { epoch, step, learningRate: 1 }, 0.5)).loss;
    expect(await at(1, 2, 30)).toBe(await at(1, 2, 30));
    expect(new Set([await at(1, 2, 30), await at(2, 2, 30), await at(1, 3, 30), await at(1, 2, 31)]).size).toBe(4);
  });
});

describe('a loss that is not finite', () => {
  it.each([Number.NaN, Infinity])('(features of %f) stops before any weight is touched', async (value) => {
    const learner = await headLearner({ optimizer: OptimizerConfig.parse({ kind: 'adam' }), clipNorm: 1 }, 2);
    const read = (): unknown => [...learner.engine.read(learner.engine.shapes.keys())];
    const [before, tensors] = [read(), tf.memory().numTensors];
    const batch = { x: new Float32Array(2 * CLASSES).fill(value), labels: Int32Array.of(0, 1) };
    expect(() => learner.step(batch, { epoch: 2, step: 41, learningRate: 0.25 })).toThrow(
      /^TRAIN_NONFINITE: step 42 of epoch 3 — the loss is NaN at learning rate 0.25 — a finite loss — lower/,
    );
    expect(read()).toEqual(before);
    expect(tf.memory().numTensors).toBe(tensors);
    learner.engine.dispose();
  });
});

describe('averages of the weights', () => {
  it('move by 1 − decay of the way to the new weights, and are what is used', async () => {
    const decay = 0.75;
    const learner = await headLearner({ averageDecay: decay }, labels.length);
    const [name, average] = [variable.parameter('head/logits/bias'), variable.average('head/logits/bias')];
    const start = Float32Array.of(0.5, 0, 0, 0, -0.5);
    learner.engine.write(
      new Map([
        [average, start],
        [variable.average('head/logits/kernel'), new Float32Array(CLASSES * CLASSES)],
      ]),
    );
    learner.step(
      { x: Float32Array.from(rows.flat()), labels: Int32Array.from(labels) },
      { epoch: 0, step: 0, learningRate: 1 },
    );
    const values = learner.engine.read([name, average]);
    for (const [index, value] of values.get(average)!.entries()) {
      expect(value).toBeCloseTo(decay * start[index]! + (1 - decay) * values.get(name)![index]!, 6);
    }
    expect([...asFloat32(learner.weights().get('head/logits/bias')!)]).toEqual([...values.get(average)!]);
    // With features of zero the logits are the bias: the averaged one.
    const logits = learner.logits(new Float32Array(CLASSES), 1);
    expect([...logits]).toEqual([...values.get(average)!]);
    expect([...learner.state().keys()]).toContain(average);
    learner.engine.dispose();
  });
});

describe('the backbone’s learning rate', () => {
  const shape = { backbone: 'tiny-cnn', strategy: 'full', classes: ['a', 'b'], dropout: 0 } as const;

  /** How far one step of plain descent moves every weight. */
  async function moves(backboneRate: number): Promise<Map<string, number[]>> {
    const model = buildModel(shape, 1);
    const learner = await createLearner(model, {
      ...{ ...plain, backboneRate, rows: { kind: 'pixels', shape: [16, 16, 3] } },
      ...{ batchSize: 2, trainRows: 2, scratchDir: '' },
    });
    const start = new Map([...initialize(model.all, 3)].map(([name, values]) => [variable.parameter(name), values]));
    learner.engine.write(start);
    const x = Uint8Array.from({ length: 2 * 16 * 16 * 3 }, (_, index) => (index * 37) % 251);
    learner.step({ x, labels: Int32Array.of(0, 1) }, { epoch: 0, step: 0, learningRate: 0.5 });
    const names = model.trainable.map(({ name }) => variable.parameter(name));
    const after = learner.engine.read(names);
    learner.engine.dispose();
    return new Map(
      [...after].map(([name, values]) => [name, [...values].map((value, i) => value - start.get(name)![i]!)]),
    );
  }

  it('is a share of the head’s', async () => {
    const [whole, part] = [await moves(1), await moves(0.25)];
    for (const [name, move] of whole) {
      const share = name.startsWith('param/head/') ? 1 : 0.25;
      for (const [index, value] of part.get(name)!.entries()) expect(value).toBeCloseTo(share * move[index]!, 6);
    }
    expect([...whole.keys()].some((name) => name.startsWith('param/backbone/'))).toBe(true);
  });
});

describe('clipping', () => {
  // tf.clip_by_global_norm on the same gradients: test/golden/training/make_golden.py.
  it.each(golden.clips)('to a global norm of $limit is TensorFlow’s', ({ limit, clipped: wanted }) => {
    tf.tidy(() => {
      const clipped = clipByGlobalNorm(
        golden.gradients.map((values) => tf.tensor1d(values)),
        limit,
      );
      for (const [index, values] of wanted.entries()) {
        const own = clipped[index]!.dataSync();
        for (const [at, value] of values.entries()) expect(Math.abs(own[at]! - value)).toBeLessThan(1e-6);
      }
    });
  });

  it('of gradients that are all zero leaves them zero', () => {
    tf.tidy(() => {
      expect([...clipByGlobalNorm([tf.zeros([3])], 1)[0]!.dataSync()]).toEqual([0, 0, 0]);
    });
  });
});
