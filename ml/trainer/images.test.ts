import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { minus1To1 } from '../nn/preprocessing.ts';
import { imageBatch } from './images.ts';

beforeAll(async () => {
  vi.spyOn(console, 'warn').mockImplementation(() => undefined);
  await tf.setBackend('cpu');
});

describe('a batch', () => {
  it('is normalized as the backbone wants it', () => {
    const batch = imageBatch(tf.tensor4d([0, 255, 51], [1, 1, 1, 3]), minus1To1);
    expect(batch.shape).toEqual([1, 1, 1, 3]);
    for (const [index, value] of [-1, 1, -0.6].entries()) expect(batch.dataSync()[index]).toBeCloseTo(value, 6);
    batch.dispose();
  });

  it('of gray pictures repeats the one channel over three, pixel by pixel', () => {
    const batch = imageBatch(tf.tensor4d([0, 255], [1, 1, 2, 1]), minus1To1);
    expect(batch.shape).toEqual([1, 1, 2, 3]);
    expect([...batch.dataSync()].map(Math.round)).toEqual([-1, -1, -1, 1, 1, 1]);
    batch.dispose();
  });
});
