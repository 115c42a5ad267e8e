import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { AugmentSettings } from '../../core/augment/settings.ts';
import { EVERYTHING, NOTHING } from '../../core/augment/testing.ts';
import { loadTensorFlow } from '../../infra/native/load-tensorflow.ts';
import { describeAugmentation } from '../../test/lib/augment-cases.ts';
import { drawn, pictures } from '../../test/lib/augment-reference.ts';
import { isNative } from '../nn/ops/native.ts';
import { augmentImages, mixTargets } from './augment-images.ts';

beforeAll(async () => {
  await loadTensorFlow();
  expect(isNative()).toBe(true);
});

describe('augmentation on native TensorFlow', describeAugmentation);

describe('as part of a graph', () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  type Execute = (name: string, ...rest: readonly unknown[]) => unknown;
  /** Names of the operations that TensorFlow ran. */
  function operationsOf(work: () => tf.Tensor): string[] {
    const backend = tf.backend() as unknown as { executeSingleOutput: Execute; executeMultipleOutputs: Execute };
    const spies = [vi.spyOn(backend, 'executeSingleOutput'), vi.spyOn(backend, 'executeMultipleOutputs')];
    work().dispose();
    return spies.flatMap((spy) => spy.mock.calls.map(([name]) => name));
  }

  const shape = [4, 8, 10, 3] as const;
  it.each<[string, Partial<AugmentSettings>, string[]]>([
    ['nothing', {}, []],
    ['a flip', { flipHorizontal: 0.5 }, ['ImageProjectiveTransformV3']],
    [
      'all of geometry',
      { flipHorizontal: 0.5, crop: EVERYTHING.crop, rotateDegrees: 9 },
      ['ImageProjectiveTransformV3'],
    ],
    ['colour', { hue: 0.1 }, ['Add', 'BatchMatMul', 'Maximum', 'Minimum']],
    [
      'noise',
      { noise: EVERYTHING.noise },
      ['Add', 'Maximum', 'Minimum', 'Mul', 'Pack', 'StatelessRandomNormal', 'Unpack'],
    ],
  ])('%s costs its own operations alone', (_name, change, names) => {
    const config = { ...NOTHING, ...change };
    const images = pictures(shape);
    const inputs = drawn(config, [0, 1, 2, 3], shape);
    const seen = new Set(operationsOf(() => augmentImages(config, images, inputs)));
    for (const cheap of ['Reshape', 'Identity', 'Fill']) seen.delete(cheap);
    expect([...seen].map((name) => name.replace(/V\d$/, name.startsWith('Image') ? '$&' : '')).sort()).toEqual(names);
  });

  it('reads no values', () => {
    const images = pictures(shape);
    const inputs = drawn(EVERYTHING, [0, 1, 2, 3], shape);
    const read = vi.spyOn(tf.Tensor.prototype, 'dataSync');
    augmentImages(EVERYTHING, images, inputs).dispose();
    mixTargets(EVERYTHING, tf.ones([4, 3]), inputs).dispose();
    expect(read).not.toHaveBeenCalled();
  });
});
