import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dequantized, quantizeAffine, quantizePerChannel, storeWeights } from './stored-weight.ts';

const values = (length: number) =>
  fc.array(fc.float({ min: -8, max: 8, noNaN: true, noDefaultInfinity: true }), {
    minLength: length,
    maxLength: length,
  });
const weight = (list: readonly number[], shape: readonly number[]) => ({
  name: 'w',
  shape,
  values: Float32Array.from(list),
});

describe('whole numbers for each channel', () => {
  it('are half a step from the value at most, and the largest of a channel is met', () => {
    fc.assert(
      fc.property(values(24), fc.constantFrom(0, 1, 2), (list, axis) => {
        const given = weight(list, [2, 3, 4]);
        const stored = quantizePerChannel(given, axis);
        const back = dequantized(stored);
        const inner = [12, 4, 1][axis]!;
        given.values.forEach((value, index) => {
          const scale = stored.scales[Math.floor(index / inner) % [2, 3, 4][axis]!]!;
          expect(Math.abs(back[index]! - value)).toBeLessThanOrEqual(scale / 2 + 1e-6);
          expect(Math.abs(stored.values[index]!)).toBeLessThanOrEqual(127);
        });
      }),
    );
  });

  it('keep channels apart: a large one costs a small one nothing', () => {
    const stored = quantizePerChannel(weight([127, 0.4, -50, -1.27], [2, 2]), 1);
    expect([...stored.values]).toEqual([127, 40, -50, -127]);
    expect(dequantized(stored)[1]).toBeCloseTo(0.4, 4);
  });

  it('leave a channel of noughts alone', () => {
    expect([...dequantized(quantizePerChannel(weight([0, 127, 0, -127], [2, 2]), 1))]).toEqual([0, 127, 0, -127]);
  });
});

describe('tfjs’ affine whole numbers', () => {
  it('are half a step from the value at most, and nought is nought', () => {
    fc.assert(
      fc.property(values(12), (list) => {
        const given = weight([...list, 0], [13]);
        const stored = quantizeAffine(given);
        const back = dequantized(stored);
        // Nought is put on a step, which moves the ends by half of one.
        given.values.forEach((value, index) =>
          expect(Math.abs(back[index]! - value)).toBeLessThanOrEqual(stored.scale + 1e-6),
        );
        expect(Math.abs(back[12]!)).toBeLessThan(1e-6);
      }),
    );
  });

  it('stay finite where all values are equal', () => {
    expect([...dequantized(quantizeAffine(weight([0, 0], [2])))]).toEqual([0, 0]);
  });
});

it('quantizes what has a channel axis, and nothing else', () => {
  const weights = [weight([1, 2], [2]), { ...weight([1, 2], [1, 2]), name: 'kernel' }];
  const kinds = (precision: 'float32' | 'float16' | 'int8') =>
    storeWeights(weights, new Map([['kernel', 1]]), precision, 'per-channel').map(({ kind }) => kind);
  expect(kinds('int8')).toEqual(['float32', 'int8']);
  expect(kinds('float16')).toEqual(['float16', 'float16']);
  expect(kinds('float32')).toEqual(['float32', 'float32']);
});
