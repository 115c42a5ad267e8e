import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadTensorFlow } from '../../infra/native/load-tensorflow.ts';
import { trainingContext } from './contexts.ts';
import { convBn } from './conv-bn.ts';
import type { ConvBnOptions } from './conv-bn.ts';
import { plainBatchNorm } from './ops/batch-norm.ts';
import { conv } from './ops/conv.ts';
import { distance, gradientsOf, normalValues } from './testing/compare.ts';

const CHANNELS = 6;
const batchNorm = { epsilon: 1e-3, momentum: 0.9 };
const options: ConvBnOptions = {
  ...{ name: 'layer', inChannels: 4, outChannels: CHANNELS, kernelPx: 3, stride: 1, padding: 'same', batchNorm },
  ...{ bias: true, activation: 'relu' },
};
const NAMES = ['kernel', 'bias', 'bn/gamma', 'bn/beta', 'bn/moving_mean', 'bn/moving_variance'] as const;
const SHAPES = [[3, 3, 4, CHANNELS], ...NAMES.slice(1).map(() => [CHANNELS])];

describe('a layer with a bias before BatchNorm', () => {
  beforeAll(async () => {
    await loadTensorFlow();
  });

  const values = (): tf.Tensor[] =>
    NAMES.map((name, at) => normalValues(7, name, SHAPES[at] ?? [], 0.4, at > 1 ? 1 : 0));

  /** y and the statistics after it, by the layer or by the formula that has the bias in the sum. */
  function apply(how: 'layer' | 'formula', x: tf.Tensor, params: readonly tf.Tensor[]) {
    const [kernel, bias, gamma, beta, movingMean, movingVariance] = params;
    if (!kernel || !bias || !gamma || !beta || !movingMean || !movingVariance) throw new Error('parameters');
    if (how === 'formula') {
      const z = tf.add(conv(x, kernel, { stride: 1, padding: 'same', depthwise: false }), bias);
      const { epsilon, momentum } = batchNorm;
      const made = plainBatchNorm(z, { gamma, beta, movingMean, movingVariance }, epsilon, momentum);
      return { y: tf.relu(made.y), mean: made.movingMean, variance: made.movingVariance };
    }
    const byName = new Map(NAMES.map((name, at) => [`layer/${name}`, params[at]]));
    const { ctx, statistics } = trainingContext((name) => byName.get(name) ?? tf.scalar(Number.NaN), {
      frozenBlocks: new Set(),
      dropoutSeed: () => tf.tensor1d([0, 0], 'int32'),
    });
    const y = convBn(options).apply(x, ctx, 'layer');
    const [mean, variance] = ['mean', 'variance'].map((each) => statistics.get(`layer/bn/moving_${each}`));
    if (!mean || !variance) throw new Error('statistics');
    return { y, mean, variance };
  }

  it('gives what the bias in the sum would give, and moves the mean that is kept by it', () => {
    const x = normalValues(3, 'x', [3, 7, 5, 4]);
    const [layer, formula] = [apply('layer', x, values()), apply('formula', x, values())];
    for (const each of ['y', 'mean', 'variance'] as const) {
      expect(distance(layer[each], formula[each]), each).toBeLessThan(1e-5);
    }
  });

  it('has the gradients of the formula, and none to the bias', () => {
    const x = normalValues(3, 'x', [3, 7, 5, 4]);
    const [, , , , ...statistics] = values();
    const through = (how: 'layer' | 'formula') =>
      gradientsOf(5, (x_, ...params) => apply(how, x_!, [...params, ...statistics]).y, [x, ...values().slice(0, 4)]);
    const [layer, formula] = [through('layer'), through('formula')];
    for (const at of [0, 1, 3, 4]) expect(distance(layer[at]!, formula[at]!), String(at)).toBeLessThan(2e-5);
    expect([...layer[2]!.dataSync()]).toEqual(new Array(CHANNELS).fill(0));
    // The formula's is noise around zero.
    expect(distance(tf.add(formula[2]!, 1), tf.ones([CHANNELS]))).toBeLessThan(1e-4);
  });
});
