import { describe, expect, it } from 'vitest';
import { stream } from '../rng.ts';
import { float32ToHalf, halfToFloat32, LARGEST_HALF } from './half.ts';
import { halfToNumber } from './tensor-data.ts';

const halfOf = (value: number): number => float32ToHalf(Float32Array.of(value))[0]!;
const finite = Array.from({ length: 0x7c00 }, (_, bits) => bits);

describe('half precision', () => {
  it('of every half is itself, in either sign', () => {
    const all = Uint16Array.from({ length: 0x10000 }, (_, bits) => bits);
    const floats = halfToFloat32(all);
    const back = float32ToHalf(floats);
    for (const bits of all) {
      if (Number.isNaN(halfToNumber(bits))) {
        expect(floats[bits]).toBeNaN();
        expect(halfToNumber(back[bits]!)).toBeNaN();
      } else if (!Object.is(floats[bits], halfToNumber(bits)) || back[bits] !== bits) {
        expect([floats[bits], back[bits]]).toEqual([halfToNumber(bits), bits]);
      }
    }
  });

  it('rounds to the nearest, and half-way to the even one, subnormals too', () => {
    for (const bits of finite.slice(0, -1)) {
      const [low, high] = [halfToNumber(bits), halfToNumber(bits + 1)];
      const middle = (low + high) / 2;
      const even = bits % 2 === 0 ? bits : bits + 1;
      const near = [0.25, 0.75].map((share) => halfOf(low + share * (high - low)));
      const seen = [halfOf(middle), ...near, halfOf(-middle)];
      if (seen.join() !== [even, bits, bits + 1, even | 0x8000].join()) {
        expect([bits, ...seen]).toEqual([bits, even, bits, bits + 1, even | 0x8000]);
      }
    }
  });

  it('becomes infinite where it is nearer to what is beyond the largest', () => {
    expect(halfToNumber(halfOf(LARGEST_HALF + 15.9))).toBe(LARGEST_HALF);
    for (const value of [LARGEST_HALF + 16, 1e6, 3e38, Infinity]) {
      expect(halfToNumber(halfOf(value))).toBe(Infinity);
      expect(halfToNumber(halfOf(-value))).toBe(-Infinity);
    }
    expect(halfToNumber(halfOf(Number.NaN))).toBeNaN();
    expect(halfOf(1e-9)).toBe(0);
    expect(halfOf(-1e-45)).toBe(0x8000);
  });

  it('is within half a unit in the last place, of a part of a larger array too', () => {
    const random = stream(1, 'halves');
    const values = Float32Array.from(
      { length: 4099 },
      (_, i) => random.normal(0, i) * 10 ** (random.uniform(1, i) * 8 - 5),
    );
    const part = values.subarray(3);
    const rounded = halfToFloat32(float32ToHalf(part));
    for (const [i, value] of part.entries()) {
      expect(Math.abs(rounded[i]! - value)).toBeLessThanOrEqual(Math.max(2 ** -25, Math.abs(value) * 2 ** -11));
    }
  });
});
