import { createHash } from 'node:crypto';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { stream } from '../../../core/rng.ts';
import { loadTensorFlow } from '../../../infra/native/load-tensorflow.ts';
import { cropAndResize, plainCropAndResize } from './crop-and-resize.ts';
import type { CropOptions } from './crop-and-resize.ts';

beforeAll(() => loadTensorFlow({ threads: 2 }));

function values(name: string, shape: number[]): tf.Tensor {
  const random = stream(3, name);
  const size = shape.reduce((product, side) => product * side, 1);
  return tf.tensor(
    Float32Array.from({ length: size }, (_, i) => random.normal(0, i)),
    shape,
  );
}

/** Boxes within the map, beyond it, upside down, and of no size at all. */
const options = (heightPx: number, widthPx: number): CropOptions => ({
  boxes: tf.tensor2d([
    [0, 0, 1, 1],
    [0.13, 0.2, 0.71, 0.93],
    [-0.3, 0.4, 0.6, 1.4],
    [0.9, 0.8, 0.2, 0.1],
    [0.5, 0.5, 0.5, 0.5],
  ]),
  images: tf.tensor1d([0, 1, 1, 0, 1], 'int32'),
  ...{ heightPx, widthPx },
});

const crops = (how: typeof cropAndResize, x: tf.Tensor, given: CropOptions): tf.Tensor => how(x, given);

function largestGap(a: tf.Tensor, b: tf.Tensor): number {
  expect(a.shape).toEqual(b.shape);
  return tf.max(tf.abs(tf.sub(a, b))).dataSync()[0] ?? Number.NaN;
}

describe('crops', () => {
  it.each([
    [4, 4],
    [14, 14],
    [1, 3],
  ])('of %i × %i are the formula, and so is their gradient', (height, width) => {
    const given = options(height, width);
    const x = values('x', [2, 7, 9, 5]);
    const native = crops(cropAndResize, x, given);
    expect(native.shape).toEqual([5, height, width, 5]);
    expect(largestGap(native, crops(plainCropAndResize, x, given))).toBeLessThan(1e-5);
    const w = values('w', native.shape);
    const gradient = (how: typeof cropAndResize): tf.Tensor => tf.grad((y) => crops(how, y, given).mul(w).sum())(x);
    expect(largestGap(gradient(cropAndResize), gradient(plainCropAndResize))).toBeLessThan(1e-5);
  });

  it('have the gradient that differences say', () => {
    const given = options(3, 4);
    const x = values('x', [2, 4, 5, 2]);
    const w = values('w', [5, 3, 4, 2]);
    const f = (y: tf.Tensor): tf.Scalar => cropAndResize(y, given).mul(w).sum().asScalar();
    const analytic = tf.grad(f)(x).dataSync();
    const data = x.dataSync();
    for (let at = 0; at < data.length; at++) {
      const [up = 0, down = 0] = [1, -1].map((sign) => {
        const moved = data.map((value, i) => (i === at ? value + sign * 0.1 : value));
        return f(tf.tensor(moved, x.shape)).dataSync()[0];
      });
      expect(Math.abs((analytic[at] ?? 0) - (up - down) / 0.2), `value ${at}`).toBeLessThan(1e-3);
    }
  });

  it('of many overlapping boxes have the same gradient, to the bit, each time', () => {
    const random = stream(5, 'boxes');
    const count = 200;
    const edges = Array.from({ length: count }, (_, i) => [0, 1, 2, 3].map((edge) => random.uniform(i, edge) * 0.5 + (edge < 2 ? 0 : 0.5))); // prettier-ignore
    const given: CropOptions = {
      boxes: tf.tensor2d(edges),
      images: tf.zeros([count], 'int32'),
      ...{ heightPx: 14, widthPx: 14 },
    };
    const [x, w] = [values('x', [1, 20, 20, 32]), values('w', [count, 14, 14, 32])];
    const seen = new Set<string>();
    for (let i = 0; i < 20; i++) {
      const gradient = tf.grad((y) => cropAndResize(y, given).mul(w).sum())(x);
      seen.add(createHash('sha256').update(gradient.dataSync()).digest('hex'));
    }
    expect(seen.size).toBe(1);
  });
});
