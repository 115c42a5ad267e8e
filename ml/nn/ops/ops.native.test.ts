import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadTensorFlow } from '../../../infra/native/load-tensorflow.ts';
import { activate } from './activation.ts';
import type { BatchNormParams } from './batch-norm.ts';
import { fusedBatchNorm, plainBatchNorm } from './batch-norm.ts';
import { biasAdd } from './bias-add.ts';
import type { Padding } from './conv.ts';
import { conv } from './conv.ts';
import { maxPool } from './max-pool.ts';
import { isNative } from './native.ts';
import { distance, gradientsOf, normalValues } from '../testing/compare.ts';

beforeAll(async () => {
  await loadTensorFlow();
  expect(isNative()).toBe(true);
});

const values = (name: string, shape: number[], scale?: number, shift?: number): tf.Tensor =>
  normalValues(3, name, shape, scale, shift);
const gradients = (f: (...inputs: tf.Tensor[]) => tf.Tensor, inputs: tf.Tensor[]): tf.Tensor[] =>
  gradientsOf(3, f, inputs);

describe('BatchNorm of a batch', () => {
  const params = (channels: number): BatchNormParams => ({
    gamma: values('gamma', [channels], 0.3, 1),
    beta: values('beta', [channels]),
    movingMean: values('mean', [channels]),
    movingVariance: tf.abs(values('variance', [channels], 1, 2)),
  });

  it.each([
    [4, 5, 7, 3],
    [2, 1, 1, 8],
    [8, 16, 16, 24],
  ])('TensorFlow’s fused kernel gives the formula: batch %i, %i × %i, %i channels', (...shape) => {
    const x = values('x', shape, 3, 1);
    const p = params(shape[3]);
    const fused = fusedBatchNorm(x, p, 1e-3, 0.9);
    const plain = plainBatchNorm(x, p, 1e-3, 0.9);
    expect(distance(fused.y, plain.y)).toBeLessThan(1e-5);
    expect(distance(fused.movingMean, plain.movingMean)).toBeLessThan(1e-5);
    expect(distance(fused.movingVariance, plain.movingVariance)).toBeLessThan(1e-5);
  });

  it('gradients to x, gamma and beta are those of the formula', () => {
    const x = values('x', [4, 6, 5, 8], 2, 1);
    const p = params(8);
    const through = (normalize: typeof plainBatchNorm) =>
      gradients(
        (x_, gamma, beta) => normalize(x_!, { ...p, gamma: gamma!, beta: beta! }, 1e-3, 0.9).y,
        [x, p.gamma, p.beta],
      );
    const [fused, plain] = [through(fusedBatchNorm), through(plainBatchNorm)];
    for (const [index, gradient] of fused.entries()) expect(distance(gradient, plain[index]!)).toBeLessThan(1e-5);
  });
});

describe('conv', () => {
  const cases: [Padding, boolean, number, number, number][] = [];
  for (const padding of ['same', 'symmetric'] as const) {
    for (const depthwise of [false, true]) {
      for (const kernelPx of [1, 3, 5])
        for (const stride of [1, 2]) cases.push([padding, depthwise, kernelPx, stride, 8]);
      cases.push([padding, depthwise, 3, 2, 7]);
    }
  }

  it.each(cases)('%s, depthwise %s, kernel %i, stride %i, side %i: as tfjs pads and computes', (...args) => {
    const [padding, depthwise, kernelPx, stride, sidePx] = args;
    const x = values('x', [2, sidePx, sidePx + 2, 6]);
    const kernel = values('k', [kernelPx, kernelPx, 6, depthwise ? 1 : 4], 0.3);
    const reference = (x_: tf.Tensor, k: tf.Tensor): tf.Tensor => {
      const pad = padding === 'symmetric' ? (kernelPx - 1) / 2 : 0;
      const padded = tf.pad(x_, [
        [0, 0],
        [pad, pad],
        [pad, pad],
        [0, 0],
      ]) as tf.Tensor4D;
      const mode = padding === 'symmetric' ? 'valid' : 'same';
      return depthwise
        ? tf.depthwiseConv2d(padded, k as tf.Tensor4D, stride, mode)
        : tf.conv2d(padded, k as tf.Tensor4D, stride, mode);
    };
    const own = (x_: tf.Tensor, k: tf.Tensor): tf.Tensor => conv(x_, k, { stride, padding, depthwise });
    expect(distance(own(x, kernel), reference(x, kernel))).toBeLessThan(1e-5);
    const wanted = gradients((a, b) => reference(a!, b!), [x, kernel]);
    const seen = gradients((a, b) => own(a!, b!), [x, kernel]);
    expect(distance(seen[0]!, wanted[0]!)).toBeLessThan(1e-5);
    expect(distance(seen[1]!, wanted[1]!)).toBeLessThan(1e-5);
  });
});

describe('activate', () => {
  it.each(['relu', 'relu6'] as const)('%s and its gradient', (kind) => {
    const x = values('x', [3, 50], 5, 2);
    const top = kind === 'relu6' ? 6 : Number.POSITIVE_INFINITY;
    const xs = x.dataSync();
    expect([...activate(x, kind).dataSync()]).toEqual([...xs].map((value) => Math.min(Math.max(value, 0), top)));
    const slope = tf.grad((x_) => tf.sum(activate(x_, kind)))(x);
    expect([...slope.dataSync()]).toEqual([...xs].map((value) => (value > 0 && value < top ? 1 : 0)));
  });
});

describe('biasAdd', () => {
  it('and its gradients are those of a sum', () => {
    const [x, bias] = [values('x', [2, 3, 5, 6]), values('bias', [6])];
    const own = (x_: tf.Tensor, bias_: tf.Tensor): tf.Tensor => biasAdd(x_, bias_);
    expect([...own(x, bias).dataSync()]).toEqual([...tf.add(x, bias).dataSync()]);
    const seen = gradients((a, b) => own(a!, b!), [x, bias]);
    const wanted = gradients((a, b) => tf.add(a!, b!), [x, bias]);
    for (const [index, gradient] of seen.entries()) expect(distance(gradient, wanted[index]!)).toBeLessThan(1e-5);
  });

  it('takes one value a channel and no other shape', () => {
    expect(() => biasAdd(values('x', [2, 3, 5, 6]), values('bias', [1]))).toThrow('a bias of [1] to [2, 3, 5, 6]');
  });
});

describe('maxPool', () => {
  const cases = [
    [3, 2, 1, 8],
    [3, 2, 1, 7],
    [2, 2, 0, 8],
    [3, 1, 1, 5],
  ] as const;

  /** As tfjs pools where nothing is padded: the border is far below every value. */
  const padded = (x: tf.Tensor, [windowPx, stride, pad]: readonly number[]): tf.Tensor => {
    const sides: [number, number] = [pad!, pad!];
    return tf.maxPool(tf.pad(x, [[0, 0], sides, sides, [0, 0]], -1e9) as tf.Tensor4D, windowPx!, stride!, 'valid');
  };

  it.each(cases)('window %i, stride %i, border %i, side %i: as tfjs, gradient too', (...args) => {
    const [windowPx, stride, padPx, sidePx] = args;
    const x = values('x', [2, sidePx, sidePx + 2, 3], 1, -2);
    const own = (x_: tf.Tensor): tf.Tensor =>
      maxPool(x_, { windowPx, stride, padding: padPx > 0 ? 'symmetric' : 'valid' });
    expect([...own(x).dataSync()]).toEqual([...padded(x, args).dataSync()]);
    const [seen] = gradients((a) => own(a!), [x]);
    const [wanted] = gradients((a) => padded(a!, args), [x]);
    expect(distance(seen!, wanted!)).toBeLessThan(1e-5);
  });

  it.each(cases)('window %i, stride %i, border %i, side %i: as on the JavaScript backend', async (...args) => {
    const [windowPx, stride, padPx, sidePx] = args;
    const run = (): number[][] => {
      const x = values('x', [2, sidePx, sidePx + 2, 3], 1, -2);
      const own = (x_: tf.Tensor): tf.Tensor =>
        maxPool(x_, { windowPx, stride, padding: padPx > 0 ? 'symmetric' : 'valid' });
      const [gradient] = gradients((a) => own(a!), [x]);
      return [own(x), gradient!].map((tensor) => [...tensor.dataSync()]);
    };
    const native = run();
    await tf.setBackend('cpu');
    try {
      const plain = run();
      expect(native[0]).toEqual(plain[0]);
      for (const [index, value] of plain[1]!.entries()) expect(native[1]![index]).toBeCloseTo(value, 5);
    } finally {
      await tf.setBackend('tensorflow');
    }
  });

  it('lets a border of zeros behind a ReLU change nothing: its gradient is zero wherever a border could win', () => {
    const x = values('x', [2, 8, 7, 3], 1, -1);
    const zeros = (x_: tf.Tensor): tf.Tensor => {
      const border: [number, number][] = [
        [0, 0],
        [1, 1],
        [1, 1],
        [0, 0],
      ];
      return tf.maxPool(tf.pad(activate(x_, 'relu'), border) as tf.Tensor4D, 3, 2, 'valid');
    };
    const own = (x_: tf.Tensor): tf.Tensor =>
      maxPool(activate(x_, 'relu'), { windowPx: 3, stride: 2, padding: 'symmetric' });
    expect([...own(x).dataSync()]).toEqual([...zeros(x).dataSync()]);
    const [seen] = gradients((a) => own(a!), [x]);
    const [wanted] = gradients((a) => zeros(a!), [x]);
    expect(distance(seen!, wanted!)).toBeLessThan(1e-5);
  });
});
