import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { settings } from '../../../infra/config.ts';
import { loadTensorFlow } from '../../../infra/native/load-tensorflow.ts';
import { hasOwnKernels } from '../../native/kernels.ts';
import type { BatchNormParams, BatchNormTraining } from './batch-norm.ts';
import { batchNormTraining, plainBatchNorm } from './batch-norm.ts';
import type { Padding } from './conv.ts';
import { maxPool } from './max-pool.ts';
import { runNativeOne } from './native.ts';
import { conv } from './conv.ts';
import { fitsOwnPatches } from './own-patches.ts';
import { fitsOwnWinograd } from './own-winograd.ts';
import { nativePadding, paddedAttributes } from './padding.ts';
import { distance, gradientsOf, normalValues } from '../testing/compare.ts';

beforeAll(async () => {
  const { kernels } = await loadTensorFlow({ settings: { ...settings(), kernels: 'own' } });
  // A Linux machine with AVX2, an arm64 one: where they can't be had, the other tests hold for what computes instead.
  expect(kernels).not.toBeNull();
  expect(hasOwnKernels()).toBe(true);
});

const values = (name: string, shape: number[], scale?: number, shift?: number): tf.Tensor =>
  normalValues(5, name, shape, scale, shift);
const gradients = (f: (...inputs: tf.Tensor[]) => tf.Tensor, inputs: tf.Tensor[]): tf.Tensor[] =>
  gradientsOf(5, f, inputs);

function params(channels: number): BatchNormParams {
  return {
    gamma: values('gamma', [channels], 0.3, 1),
    beta: values('beta', [channels]),
    movingMean: values('mean', [channels]),
    movingVariance: tf.abs(values('variance', [channels], 1, 2)),
  };
}

const PLAIN = {
  linear: (y: tf.Tensor) => y,
  relu: (y: tf.Tensor) => tf.relu(y),
  // A clip, whose gradient is one strictly inside.
  relu6: (y: tf.Tensor) => tf.clipByValue(y, 0, 6),
  // Behind the kernel, as are all that it does not know.
  swish: (y: tf.Tensor) => tf.mul(y, tf.sigmoid(y)),
} as const;
type Tested = keyof typeof PLAIN;

/** tfjs's own formulas. */
function plainly(x: tf.Tensor, p: BatchNormParams, options: BatchNormTraining & { readonly activation: Tested }) {
  const { epsilon, momentum, activation } = options;
  const normalized = plainBatchNorm(x, p, epsilon, momentum);
  return { ...normalized, y: PLAIN[activation](normalized.y) };
}

const activations: Tested[] = ['linear', 'relu', 'relu6', 'swish'];
/** Channels that are no multiple of a vector's length, few rows, and more than one block sums. */
const shapes: number[][] = [
  [4, 5, 7, 3],
  [2, 1, 1, 8],
  [1, 1, 3, 5],
  [8, 16, 16, 24],
  [6, 40, 40, 17],
];

describe('BatchNorm with its activation', () => {
  it.each(activations.flatMap((activation) => shapes.map((shape) => [activation, shape] as const)))(
    '%s of %j: values, moving averages and gradients are those of the formula',
    (activation, shape) => {
      const options = { epsilon: 1e-3, momentum: 0.9, activation };
      const channels = shape.at(-1)!;
      const x = values('x', shape, 3, 1);
      const p = params(channels);
      const [own, plain] = [batchNormTraining(x, p, options), plainly(x, p, options)];
      expect(distance(own.y, plain.y)).toBeLessThan(1e-5);
      expect(distance(own.movingMean, plain.movingMean)).toBeLessThan(1e-5);
      expect(distance(own.movingVariance, plain.movingVariance)).toBeLessThan(1e-5);
      const through = (normalize: typeof plainly) =>
        gradients(
          (x_, gamma, beta) => normalize(x_!, { ...p, gamma: gamma!, beta: beta! }, options).y,
          [x, p.gamma, p.beta],
        );
      const wanted = through(plainly);
      for (const [index, gradient] of through(batchNormTraining).entries()) {
        expect(distance(gradient, wanted[index]!)).toBeLessThan(2e-5);
      }
    },
  );

  it('keeps the variance of values far from zero', () => {
    const x = values('far', [16, 8, 8, 16], 0.01, 100);
    const options: BatchNormTraining = { epsilon: 1e-6, momentum: 0, activation: 'linear' };
    const { movingVariance } = batchNormTraining(x, params(16), options);
    const data = x.dataSync();
    const channel = Array.from({ length: data.length / 16 }, (_, i) => data[i * 16]!);
    const mean = channel.reduce((sum, each) => sum + each, 0) / channel.length;
    const variance = channel.reduce((sum, each) => sum + (each - mean) ** 2, 0) / (channel.length - 1);
    expect(movingVariance.dataSync()[0]! / variance).toBeCloseTo(1, 4);
  });

  it('what is no number stays none', () => {
    const x = tf.tensor4d([1, Number.NaN, 2, 3], [1, 2, 2, 1]);
    const { y } = batchNormTraining(x, params(1), { epsilon: 1e-3, momentum: 0.9, activation: 'relu6' });
    expect([...y.dataSync()].every(Number.isNaN)).toBe(true);
  });

  it('leaves a gradient alone that somebody else still reads', () => {
    const [x, p] = [values('x', [2, 4, 4, 8]), params(8)];
    const options: BatchNormTraining = { epsilon: 1e-3, momentum: 0.9, activation: 'relu' };
    const w = values('w', [2, 4, 4, 8]);
    const before = w.dataSync().slice();
    tf.grad((each: tf.Tensor) => tf.sum(tf.mul(w, batchNormTraining(each, p, options).y)))(x);
    expect(w.dataSync()).toEqual(before);
  });
});

describe('convolution of one pixel in a training step', () => {
  const cases: [Padding, number, number, number, number][] = [];
  // Not 3 to 16 channels by a stride: kept to AVX2, oneDNN's gradient to that kernel is another one in a third of the runs.
  // Widths around those of a vector, of a tile and of what is turned; more pixels than go through in one block.
  for (const [sidePx, inside, outside] of [
    ...([[5, 1, 1], [6, 5, 16], [9, 8, 24], [40, 24, 8], [24, 16, 96], [7, 33, 47], [12, 50, 130], [33, 144, 24]] as const), // prettier-ignore
    ...([
      [3, 1100, 70],
      [2, 65, 1030],
    ] as const),
  ]) {
    for (const stride of [1, 2, 3]) {
      for (const padding of ['same', 'symmetric', 'valid'] as const)
        cases.push([padding, stride, sidePx, inside, outside]);
    }
  }

  it.each(cases)('%s, stride %i, side %i, %i to %i channels: as TensorFlow’s', (...args) => {
    const [padding, stride, sidePx, inside, outside] = args;
    const x = values('x', [2, sidePx, sidePx + 2, inside]);
    const kernel = values('k', [1, 1, inside, outside], 0.3);
    const through =
      (inTraining: boolean) =>
      (a: tf.Tensor, b: tf.Tensor): tf.Tensor =>
        conv(a, b, { stride, padding, depthwise: false, inTraining });
    const [own, theirs] = [through(true), through(false)];
    expect(own(x, kernel).shape).toEqual(theirs(x, kernel).shape);
    expect(distance(own(x, kernel), theirs(x, kernel))).toBeLessThan(1e-5);
    const wanted = gradients((a, b) => theirs(a!, b!), [x, kernel]);
    const seen = gradients((a, b) => own(a!, b!), [x, kernel]);
    expect(distance(seen[0]!, wanted[0]!)).toBeLessThan(1e-5);
    expect(distance(seen[1]!, wanted[1]!)).toBeLessThan(1e-5);
  });
});

describe('convolution of 3 × 3 pixels in a training step', () => {
  // Sides that are no multiple of a tile's, one group of tiles and several, channels around a register's and a panel's.
  const cases = [
    [2, 16, 32, 32],
    [5, 9, 33, 70],
    [1, 37, 40, 130],
    [33, 3, 47, 64],
    [32, 4, 160, 96],
    [3, 30, 72, 33],
  ] as const;

  it.each(cases)('%i pictures, side %i, %i to %i channels: as TensorFlow’s', (batch, sidePx, inside, outside) => {
    const x = values('x', [batch, sidePx, sidePx + 2, inside]);
    const kernel = values('k', [3, 3, inside, outside], 0.1);
    for (const padding of ['same', 'symmetric'] as const) {
      const through =
        (inTraining: boolean) =>
        (a: tf.Tensor, b: tf.Tensor): tf.Tensor =>
          conv(a, b, { stride: 1, padding, depthwise: false, inTraining });
      const [own, theirs] = [through(true), through(false)];
      expect(distance(own(x, kernel), theirs(x, kernel))).toBeLessThan(1e-5);
      const wanted = gradients((a, b) => theirs(a!, b!), [x, kernel]);
      const seen = gradients((a, b) => own(a!, b!), [x, kernel]);
      expect(distance(seen[0]!, wanted[0]!)).toBeLessThan(1e-5);
      expect(distance(seen[1]!, wanted[1]!)).toBeLessThan(1e-5);
    }
  });

  it('is left to TensorFlow where it does not pay: a stride, no padding, few channels, few tiles', () => {
    const fits = (shape: [number, number, number, number], channels: number, options: Partial<typeof usual> = {}) =>
      fitsOwnWinograd(tf.zeros(shape), tf.zeros([3, 3, shape[3], channels]), { ...usual, ...options });
    const usual: { readonly stride: number; readonly padding: Padding } = { stride: 1, padding: 'same' };
    expect(fits([8, 8, 8, 64], 64)).toBe(true);
    expect(fits([8, 8, 8, 64], 64, { stride: 2 })).toBe(false);
    expect(fits([8, 8, 8, 64], 64, { padding: 'valid' })).toBe(false);
    expect(fits([8, 8, 8, 64], 64, { padding: 'after' })).toBe(false);
    expect(fits([8, 8, 8, 16], 64)).toBe(false);
    expect(fits([8, 8, 8, 64], 16)).toBe(false);
    expect(fits([7, 8, 8, 64], 64)).toBe(false);
  });
});

describe('gradient to the kernel of a first convolution', () => {
  const cases: [Padding, number, number, number, number, number][] = [];
  for (const padding of ['same', 'symmetric', 'valid', 'after'] as const) {
    for (const kernelPx of [1, 3, 5, 7]) {
      for (const stride of [1, 2, 3]) {
        for (const [sidePx, inside, outside] of [[12, 3, 33], [8, 1, 16], [27, 3, 64]] as const) cases.push([padding, kernelPx, stride, sidePx, inside, outside]); // prettier-ignore
      }
    }
  }

  // A kernel of one pixel has its own kernels.
  it.each(cases.filter(([, kernelPx]) => kernelPx > 1))(
    '%s, kernel %i, stride %i, side %i, %i to %i channels: as TensorFlow’s',
    (padding, kernelPx, stride, sidePx, inside, outside) => {
      const x = values('x', [3, sidePx, sidePx + 2, inside]);
      const kernel = values('k', [kernelPx, kernelPx, inside, outside], 0.3);
      const [seen, wanted] = [true, false].map((inTraining) =>
        gradients((a) => conv(x, a!, { stride, padding, depthwise: false, inTraining }), [kernel]),
      );
      expect(fitsOwnPatches(kernel)).toBe(true);
      expect(distance(seen![0]!, wanted![0]!)).toBeLessThan(1e-5);
    },
  );
});

describe('gradient of a max pooling', () => {
  const cases: [Padding, number, number, number, number][] = [];
  for (const padding of ['same', 'symmetric', 'valid', 'ceil'] as const) {
    for (const [windowPx, stride] of [
      [2, 2],
      [3, 2],
      [3, 1],
      [4, 3],
    ] as const) {
      // prettier-ignore
      for (const [sidePx, channels] of [[12, 33], [7, 24], [9, 3]] as const) cases.push([padding, windowPx, stride, sidePx, channels]); // prettier-ignore
    }
  }

  it.each(cases)(
    '%s, window %i, stride %i, side %i, %i channels: to the pixels that TensorFlow’s goes to',
    (...args) => {
      const [padding, windowPx, stride, sidePx, channels] = args;
      // Behind a ReLU, so that many windows have their largest value, zero, more than once.
      const x = tf.relu(values('x', [2, sidePx, sidePx + 2, channels]));
      const y = maxPool(x, { windowPx, stride, padding });
      const dy = values('dy', y.shape);
      const [seen] = tf.grads((each: tf.Tensor) => tf.sum(tf.mul(maxPool(each, { windowPx, stride, padding }), dy)))([
        x,
      ]);
      const { mode, pads } = nativePadding(padding, [sidePx, sidePx + 2], [windowPx, windowPx], stride);
      const lists = { ksize: [1, windowPx, windowPx, 1], strides: [1, stride, stride, 1] };
      const wanted = runNativeOne('MaxPoolGrad', [x, y, dy], paddedAttributes({ mode, pads }, lists));
      expect(distance(seen!, wanted)).toBeLessThan(1e-6);
    },
  );
});

describe('depthwise convolution of a training step', () => {
  const cases: [Padding, number, number, number, number][] = [];
  for (const padding of ['same', 'symmetric', 'valid', 'after'] as const) {
    for (const kernelPx of [1, 3, 5, 7]) {
      for (const stride of [1, 2, 3]) {
        for (const [sidePx, channels] of [[12, 33], [7, 24], [9, 3]] as const) cases.push([padding, kernelPx, stride, sidePx, channels]); // prettier-ignore
      }
    }
  }

  it.each(cases)('%s, kernel %i, stride %i, side %i, %i channels: as TensorFlow’s', (...args) => {
    const [padding, kernelPx, stride, sidePx, channels] = args;
    const x = values('x', [2, sidePx, sidePx + 2, channels]);
    const kernel = values('k', [kernelPx, kernelPx, channels, 1], 0.3);
    const through =
      (inTraining: boolean) =>
      (a: tf.Tensor, b: tf.Tensor): tf.Tensor =>
        conv(a, b, { stride, padding, depthwise: true, inTraining });
    const [own, theirs] = [through(true), through(false)];
    expect(distance(own(x, kernel), theirs(x, kernel))).toBeLessThan(1e-5);
    const wanted = gradients((a, b) => theirs(a!, b!), [x, kernel]);
    const seen = gradients((a, b) => own(a!, b!), [x, kernel]);
    expect(distance(seen[0]!, wanted[0]!)).toBeLessThan(1e-5);
    expect(distance(seen[1]!, wanted[1]!)).toBeLessThan(1e-5);
  });
});
