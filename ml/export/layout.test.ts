import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { channelsFirstAxis, transposed } from './layout.ts';

const make = (length: number) => new Float32Array(length);

describe('transposed', () => {
  it('puts value [i, j, k, l] where the order says', () => {
    const side = fc.integer({ min: 1, max: 4 });
    const order = fc.constantFrom([3, 2, 0, 1], [2, 3, 0, 1], [0, 3, 1, 2]);
    fc.assert(
      fc.property(fc.tuple(side, side, side, side), order, (shape, turn) => {
        const values = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => i);
        const out = transposed(values, shape, turn, make);
        expect(out.shape).toEqual(turn.map((axis) => shape[axis]));
        const place = (at: readonly number[], sides: readonly number[]) =>
          at.reduce((sum, each, axis) => sum * sides[axis]! + each, 0);
        for (let a = 0; a < shape[0]; a++)
          for (let b = 0; b < shape[1]; b++)
            for (let c = 0; c < shape[2]; c++)
              for (let d = 0; d < shape[3]; d++) {
                const at = [a, b, c, d];
                const there = turn.map((axis) => at[axis]!);
                expect(out.values[place(there, out.shape)]).toBe(values[place(at, shape)]);
              }
      }),
    );
  });
});

it('finds an axis again when channels come first', () => {
  expect([0, 1, 2, 3, -1, -2, -3].map(channelsFirstAxis)).toEqual([0, 2, 3, 1, 1, 3, 2]);
});
