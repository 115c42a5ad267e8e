import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { OptimizerConfig } from '../../contracts/pipeline-config.ts';
import golden from '../../test/golden/training/losses.json' with { type: 'json' };
import { tinyCnn } from '../backbones/tiny-cnn.ts';
import { classificationHead } from '../nn/head.ts';
import type { Model } from './model.ts';
import { TensorStore } from './parameters.ts';
import { createEagerStep } from './train-step.ts';
import type { StepOptions } from './train-step.ts';

beforeAll(async () => {
  vi.spyOn(console, 'warn').mockImplementation(() => undefined);
  await tf.setBackend('cpu');
});

const CLASSES = 5;
const [rows, labels] = [golden.logits, golden.labels];

/** A head alone whose kernel is the identity: the features are the logits. */
function identityHead(dropout = 0): { model: Model; parameters: TensorStore } {
  const blocks = classificationHead({ channels: CLASSES, classes: CLASSES, dropout });
  const all = blocks.flatMap((block) => block.params);
  const model: Model = { backbone: tinyCnn(), blocks, cut: 0, prefix: 0, trainable: all, statistics: [], all };
  const parameters = new TensorStore();
  parameters.load('head/logits/kernel', Float32Array.from(tf.eye(CLASSES).dataSync()), [CLASSES, CLASSES]);
  parameters.load('head/logits/bias', new Float32Array(CLASSES), [CLASSES]);
  return { model, parameters };
}

function stepOnce(options: Partial<StepOptions>, address = { epoch: 0, step: 0, learningRate: 1 }, dropout = 0) {
  const { model, parameters } = identityHead(dropout);
  const slots = new TensorStore();
  const optimizer = OptimizerConfig.parse({ kind: 'sgd' });
  const step = createEagerStep(model, parameters, slots, {
    optimizer,
    labelSmoothing: 0,
    clipNorm: null,
    seed: 1,
    ...options,
  });
  const features = tf.tensor2d(rows);
  const truth = tf.tensor1d(labels, 'int32');
  const before = tf.memory().numTensors;
  const outcome = step.run(features, truth, address);
  const tensors = tf.memory().numTensors - before;
  const bias = Array.from(parameters.get('head/logits/bias').dataSync());
  tf.dispose([features, truth]);
  parameters.dispose();
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
    (labelSmoothing, loss) => {
      expect(Math.abs(stepOnce({ labelSmoothing }).loss - loss)).toBeLessThan(1e-5);
    },
  );

  it('counts the rows whose largest logit is their label', () => {
    const hits = rows.filter((row, index) => row.indexOf(Math.max(...row)) === labels[index]);
    expect(stepOnce({}).correct).toBe(hits.length);
  });

  it.each([0, 0.3])('goes down the gradient, mean of softmax − target, with smoothing %f', (labelSmoothing) => {
    const { bias } = stepOnce({ labelSmoothing });
    for (let column = 0; column < CLASSES; column++) {
      const gradient = rows.reduce((sum, row, index) => {
        const target = (labels[index] === column ? 1 - labelSmoothing : 0) + labelSmoothing / CLASSES;
        return sum + (softmax(row)[column]! - target) / rows.length;
      }, 0);
      expect(Math.abs(bias[column]! + gradient)).toBeLessThan(1e-6);
    }
  });

  it('clips the gradient of all parameters together', () => {
    const norm = Math.hypot(...stepOnce({ clipNorm: 1e-3 }).bias);
    expect(norm).toBeLessThan(1e-3);
    expect(norm).toBeGreaterThan(0);
    expect(stepOnce({ clipNorm: 1e6 }).bias).toEqual(stepOnce({}).bias);
  });

  it('is the first of its optimizer: Adam then moves every value by the learning rate', () => {
    const { bias } = stepOnce({ optimizer: OptimizerConfig.parse({ kind: 'adam' }) });
    for (const value of bias) expect(Math.abs(value)).toBeCloseTo(1, 2);
  });

  it('is the one that its address says: the bias correction of a resumed run goes on', () => {
    const optimizer = OptimizerConfig.parse({ kind: 'adam', epsilon: 1e-12 });
    const { bias } = stepOnce({ optimizer }, { epoch: 0, step: 4, learningRate: 1 });
    // From empty slots, m/√v is .1/√.001 of the gradient's sign, whatever the step.
    const rate = Math.sqrt(1 - 0.999 ** 5) / (1 - 0.9 ** 5);
    for (const value of bias) expect(Math.abs(value)).toBeCloseTo((rate * 0.1) / Math.sqrt(0.001), 4);
  });

  it('leaves no tensor behind', () => {
    expect(stepOnce({ clipNorm: 1 }, undefined, 0.5).tensors).toBe(0);
  });

  it('draws dropout at (seed, epoch, step): the same there, another elsewhere', () => {
    const at = (seed: number, epoch: number, step: number) =>
      stepOnce({ seed }, { epoch, step, learningRate: 1 }, 0.5).loss;
    expect(at(1, 2, 30)).toBe(at(1, 2, 30));
    expect(new Set([at(1, 2, 30), at(2, 2, 30), at(1, 3, 30), at(1, 2, 31)]).size).toBe(4);
  });
});

describe('a loss that is not finite', () => {
  it.each([Number.NaN, Infinity])('(features of %f) stops before any weight is touched', (value) => {
    const { model, parameters } = identityHead();
    const slots = new TensorStore();
    const optimizer = OptimizerConfig.parse({ kind: 'adam' });
    const options = { optimizer, labelSmoothing: 0, clipNorm: 1, seed: 1 };
    const step = createEagerStep(model, parameters, slots, options);
    const features = tf.fill([2, CLASSES], value);
    const truth = tf.tensor1d([0, 1], 'int32');
    const read = (): unknown => [...parameters.read(), ...slots.read()];
    const [before, tensors] = [read(), tf.memory().numTensors];
    expect(() => step.run(features, truth, { epoch: 2, step: 41, learningRate: 0.25 })).toThrow(
      /^TRAIN_NONFINITE: step 42 of epoch 3 — the loss is NaN at learning rate 0.25 — a finite loss — lower/,
    );
    expect(read()).toEqual(before);
    expect(tf.memory().numTensors).toBe(tensors);
    tf.dispose([features, truth]);
    parameters.dispose();
    slots.dispose();
  });
});
