import * as tf from '@tensorflow/tfjs';
import { expect } from 'vitest';
import { augmentationInputs } from '../../core/augment/inputs.ts';
import type { AugmentInput } from '../../core/augment/inputs.ts';
import type { AugmentSettings } from '../../core/augment/settings.ts';
import type { Transform } from '../../core/augment/transform.ts';
import { applyTransform, IDENTITY } from '../../core/augment/transform.ts';
import { stream } from '../../core/rng.ts';
import type { AugmentTensors } from '../../ml/augment/inputs.ts';

export type Shape = readonly [number, number, number, number];

/** Whole numbers from 0 to 255. */
export function pictures(shape: Shape, name = 'pictures'): tf.Tensor4D {
  const random = stream(1, name);
  const size = shape.reduce((product, side) => product * side, 1);
  return tf.tensor4d(
    Float32Array.from({ length: size }, (_, i) => Math.floor(random.uniform(0, i) * 256)),
    [...shape],
  );
}

export function drawn(
  config: AugmentSettings,
  indexes: readonly number[],
  [, heightPx, widthPx]: Shape,
): AugmentTensors {
  return asTensors(augmentationInputs(config, { seed: 5, epoch: 3, indexes, heightPx, widthPx }));
}

function asTensors(inputs: Readonly<Record<string, AugmentInput>>): AugmentTensors {
  return Object.fromEntries(
    Object.entries(inputs).map(([name, { shape, dtype, values }]) => [name, tf.tensor(values, [...shape], dtype)]),
  );
}

/** value(image, y, x, channel) of a tensor's values. */
export function reader(x: tf.Tensor): (n: number, y: number, x: number, c: number) => number {
  const values = x.dataSync();
  const [, height = 1, width = 1, channels = 1] = x.shape;
  return (n, y, x_, c) => values[((n * height + y) * width + x_) * channels + c] ?? Number.NaN;
}

/** All values by a formula, in order. */
export function expected(
  [n, height, width, channels]: Shape,
  value: (n: number, y: number, x: number, c: number) => number,
): number[] {
  const all: number[] = [];
  for (let i = 0; i < n; i++)
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) for (let c = 0; c < channels; c++) all.push(value(i, y, x, c));
  return all;
}

/** Largest difference. */
export function distance(seen: tf.Tensor, wanted: readonly number[]): number {
  const values = seen.dataSync();
  expect(values.length).toBe(wanted.length);
  return wanted.reduce((most, value, i) => Math.max(most, Math.abs((values[i] ?? Number.NaN) - value)), 0);
}

export const clipped = (value: number): number => Math.min(255, Math.max(0, value));

/** Bilinear between pixel centres at whole numbers, black beyond the border. */
export function bilinear(images: tf.Tensor4D, transforms: readonly Transform[]): number[] {
  const [, height, width] = images.shape;
  const read = reader(images);
  return expected(images.shape, (n, y, x, c) => {
    const [fx, fy] = applyTransform(transforms[n] ?? IDENTITY, [x, y]);
    const [x0, y0] = [Math.floor(fx), Math.floor(fy)];
    let sum = 0;
    for (const [yy, xx] of [
      [y0, x0],
      [y0, x0 + 1],
      [y0 + 1, x0],
      [y0 + 1, x0 + 1],
    ] as const) {
      if (yy < 0 || xx < 0 || yy >= height || xx >= width) continue;
      sum += (1 - Math.abs(fy - yy)) * (1 - Math.abs(fx - xx)) * read(n, yy, xx, c);
    }
    return sum;
  });
}
