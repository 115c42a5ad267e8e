import * as tf from '@tensorflow/tfjs';
import { expect } from 'vitest';
import { purposeWord } from '../../core/rng.ts';

// The picture and the numbers of test/golden/backbones/made_up.py.

/** A made-up picture from whole numbers alone: float32 0–255 [1, size, size, 3]. */
export function testImage(size: number): tf.Tensor4D {
  const pixels = new Float32Array(size * size * 3);
  for (let y = 0, at = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      for (let c = 0; c < 3; c++) pixels[at++] = ((x * x * (c + 1) + y * y * (3 - c) + 31 * x * y) >> 5) & 255;
    }
  }
  return tf.tensor4d(pixels, [1, size, size, 3]);
}

/** In [−1, 1): Murmur3's finalizer over FNV-1a of the name and the index. */
export function uniform(name: string, i: number): number {
  let h = (Math.imul(i, 2654435761) + purposeWord(name)) >>> 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b) >>> 0;
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35) >>> 0;
  return ((h ^ (h >>> 16)) >>> 0) / 2 ** 31 - 1;
}

/** Every k-th value, as the golden scripts sample them. */
export function sample(tensor: tf.Tensor, count = 24): number[] {
  const values = tensor.dataSync();
  const step = Math.max(1, Math.floor(values.length / count));
  return Array.from({ length: count }, (_, i) => values[i * step]).filter((value) => value !== undefined);
}

/** Within `tolerance` × the largest wanted value, or × 1 where that is larger. */
export function expectClose(seen: ArrayLike<number>, wanted: readonly number[], tolerance: number): void {
  expect(seen.length).toBe(wanted.length);
  const worst = wanted.reduce((largest, value, i) => Math.max(largest, Math.abs(value - (seen[i] ?? Number.NaN))), 0);
  const largest = wanted.reduce((most, value) => Math.max(most, Math.abs(value)), 1);
  expect(worst).toBeLessThan(tolerance * largest);
}

/** The same names and the same bits: a matcher that looks at 25 million values one by one takes minutes. */
export function expectSameWeights(
  seen: ReadonlyMap<string, Float32Array>,
  wanted: ReadonlyMap<string, Float32Array>,
): void {
  expect([...seen.keys()].sort()).toEqual([...wanted.keys()].sort());
  const bytes = (values: Float32Array | undefined): Buffer =>
    values ? Buffer.from(values.buffer, values.byteOffset, values.byteLength) : Buffer.alloc(0);
  const other = [...wanted].flatMap(([name, values]) => (bytes(seen.get(name)).equals(bytes(values)) ? [] : [name]));
  expect(other).toEqual([]);
}
