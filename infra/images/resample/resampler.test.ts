import { describe, expect, it } from 'vitest';
import { pixelsOf } from '../../../test/fakes/image-fixtures.ts';
import type { Axis } from './coefficients.ts';
import type { Channels } from './layout.ts';
import { Resampler } from './resampler.ts';

const axis = (fromPx: number, toPx: number, factor = fromPx / toPx): Axis => ({ fromPx, toPx, factor });

function resample(resampler: Resampler, source: Uint8Array, height: Axis, width: Axis, channels: Channels): number[] {
  const shape = { height, width, channels };
  resampler.source(shape).set(source);
  const { pixels, rowBytes } = resampler.resample(shape);
  const rows = Array.from({ length: height.toPx }, (_, row) => [
    ...pixels.subarray(row * rowBytes, row * rowBytes + width.toPx * channels),
  ]);
  return rows.flat();
}

/** Catmull–Rom with antialiasing as the books have it, in floating point. */
function reference(source: Uint8Array, height: Axis, width: Axis, channels: number): number[] {
  const keys = (x: number): number => {
    const d = Math.abs(x);
    return d < 1 ? 1.5 * d ** 3 - 2.5 * d ** 2 + 1 : d < 2 ? -0.5 * d ** 3 + 2.5 * d ** 2 - 4 * d + 2 : 0;
  };
  const weightsOf = ({ fromPx, toPx, factor }: Axis, place: number): number[] => {
    const centre = (place + 0.5 - toPx / 2) * factor + fromPx / 2;
    const raw = Array.from({ length: fromPx }, (_, i) => keys((i + 0.5 - centre) / Math.max(1, factor)));
    const sum = raw.reduce((a, b) => a + b, 0);
    return raw.map((weight) => weight / sum);
  };
  const result: number[] = [];
  for (let y = 0; y < height.toPx; y++) {
    const down = weightsOf(height, y);
    for (let x = 0; x < width.toPx; x++) {
      const across = weightsOf(width, x);
      for (let c = 0; c < channels; c++) {
        let sum = 0;
        down.forEach((wy, i) =>
          across.forEach((wx, j) => (sum += wy * wx * source[(i * width.fromPx + j) * channels + c]!)),
        );
        result.push(Math.max(0, Math.min(255, Math.round(sum))));
      }
    }
  }
  return result;
}

/** Hard edges and full swings: where a kernel overshoots most. */
function noise(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => [0, 255, (i * 7919) % 256, 255, 0, 128][(i * 31 + (i >> 3)) % 6]!);
}

const SIZES: readonly (readonly [number, number, number, number])[] = [
  [1, 1, 1, 1],
  [1, 1, 5, 3],
  [2, 3, 7, 9],
  [13, 11, 13, 11],
  [40, 30, 17, 23],
  [31, 57, 64, 16],
  [64, 48, 4, 3],
  [9, 70, 8, 8],
];

describe('Resampler', () => {
  it.each([1, 3] as const)('is Catmull–Rom with antialiasing, up and down, %i channels', (channels) => {
    const resampler = new Resampler();
    for (const [h, w, toH, toW] of SIZES) {
      const source = noise(h * w * channels);
      const [height, width] = [axis(h, toH), axis(w, toW)];
      const expected = reference(source, height, width, channels);
      const worst = resample(resampler, source, height, width, channels).reduce(
        (most, value, i) => Math.max(most, Math.abs(value - expected[i]!)),
        0,
      );
      expect([h, w, worst <= 1 ? 'at most 1' : worst]).toEqual([h, w, 'at most 1']);
    }
  });

  it('leaves pixels of the right size as they are, and even areas even', () => {
    const resampler = new Resampler();
    const source = noise(21 * 19 * 3);
    expect(resample(resampler, source, axis(21, 21), axis(19, 19), 3)).toEqual([...source]);
    for (const value of [0, 1, 77, 128, 254, 255]) {
      const flat = new Uint8Array(100 * 70).fill(value);
      expect(new Set(resample(resampler, flat, axis(100, 33), axis(70, 90), 1))).toEqual(new Set([value]));
      expect(new Set(resample(resampler, flat, axis(100, 7), axis(70, 5), 1))).toEqual(new Set([value]));
    }
  });

  it('takes the middle where the source is longer than what is wanted of it', () => {
    const source = Uint8Array.from({ length: 10 }, (_, i) => 10 * i);
    expect(resample(new Resampler(), source, axis(1, 1), axis(10, 4, 1), 1)).toEqual([30, 40, 50, 60]);
  });

  it('gives the same whatever came before', () => {
    const used = new Resampler();
    for (const side of [300, 5, 120, 1]) {
      const source = pixelsOf(side, side, side);
      const [height, width] = [axis(side, 24), axis(side, 31)];
      const fresh = resample(new Resampler(), source, height, width, 3);
      expect(resample(used, source, height, width, 3)).toEqual(fresh);
      expect(resample(used, source, height, width, 3)).toEqual(fresh);
    }
  });
});
