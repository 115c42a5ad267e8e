import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadTensorFlow } from '../../../infra/native/load-tensorflow.ts';
import { dropout, statelessUniform } from './dropout.ts';

beforeAll(() => loadTensorFlow());

const seed = (a: number, b: number): tf.Tensor1D => tf.tensor1d([a, b], 'int32');

describe('dropout', () => {
  it('keeps 1 − rate of the elements, scaled so that the mean stays', () => {
    const mask = dropout(tf.ones([40_001]), 0.3, seed(5, 9)).dataSync();
    const kept = mask.filter((value) => value > 0);
    expect(kept.length / mask.length).toBeCloseTo(0.7, 2);
    expect(new Set(kept)).toEqual(new Set([Math.fround(1 / 0.7)]));
  });

  it('is a function of seed and element', () => {
    const mask = (size: number, a: number): number[] => [...dropout(tf.ones([size]), 0.5, seed(a, 1)).dataSync()];
    expect(mask(10, 5)).toEqual(mask(30, 5).slice(0, 10));
    expect(mask(30, 6)).not.toEqual(mask(30, 5));
  });

  it.each([
    [1, 0, 0],
    [4099, 7, 123_456_789],
    [100_000, 0x7fffffff, 1],
  ])('draws what the JavaScript backend draws, bit for bit: %i values at (%i, %i)', async (size, a, b) => {
    const draw = (): Float32Array => {
      const drawn = dropout(tf.ones([size]), 0.37, seed(a, b));
      return Float32Array.from(drawn.dataSync());
    };
    const native = draw();
    await tf.setBackend('cpu');
    const plain = draw();
    await tf.setBackend('tensorflow');
    expect(plain).toEqual(native);
    expect(statelessUniform(size, a, b).every((value) => value >= 0 && value < 1)).toBe(true);
  });
});
