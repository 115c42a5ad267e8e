import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ColorChange } from './color.ts';
import { colorChange, drawColor } from './color.ts';
import { EVERYTHING, NOTHING } from './testing.ts';

const NONE = { brightness: 0, contrast: 1, saturation: 1, hue: 0 };

function changed({ matrix, offset }: ColorChange, rgb: readonly number[]): number[] {
  return [0, 1, 2].map((row) => rgb.reduce((sum, value, k) => sum + matrix[3 * row + k]! * value, offset));
}

function expectColor(seen: readonly number[], wanted: readonly number[]): void {
  for (const [i, value] of wanted.entries()) expect(seen[i]).toBeCloseTo(value, 9);
}

describe('a change of colours', () => {
  it('of nothing is the identity', () => {
    const { matrix, offset } = colorChange(NONE);
    expectColor(matrix, [1, 0, 0, 0, 1, 0, 0, 0, 1]);
    expect(offset).toBe(0);
    expectColor(changed(drawColor(NOTHING, { seed: 1, epoch: 2, index: 3 }), [10, 20, 30]), [10, 20, 30]);
  });

  it('by each setting is its formula', () => {
    const rgb = [200, 100, 40];
    const luma = 0.299 * 200 + 0.587 * 100 + 0.114 * 40;
    expectColor(
      changed(colorChange({ ...NONE, brightness: 0.1 }), rgb),
      rgb.map((v) => v + 25.5),
    );
    expectColor(
      changed(colorChange({ ...NONE, contrast: 0.6 }), rgb),
      rgb.map((v) => 127.5 + 0.6 * (v - 127.5)),
    );
    expectColor(
      changed(colorChange({ ...NONE, saturation: 1.4 }), rgb),
      rgb.map((v) => luma + 1.4 * (v - luma)),
    );
    expectColor(changed(colorChange({ ...NONE, saturation: 0 }), rgb), [luma, luma, luma]);
    // A third of the circle takes red to green, green to blue and blue to red.
    expectColor(changed(colorChange({ ...NONE, hue: 1 / 3 }), rgb), [40, 200, 100]);
    expectColor(changed(colorChange({ ...NONE, hue: 1 }), rgb), rgb);
  });

  it('leaves greys grey: contrast and brightness alone move them', () => {
    const amount = fc.double({ min: 0, max: 2, noNaN: true });
    fc.assert(
      fc.property(amount, amount, fc.double({ min: -0.5, max: 0.5, noNaN: true }), fc.nat({ max: 255 }), (...args) => {
        const [contrast, saturation, hue, grey] = args;
        const value = 127.5 + contrast * (grey - 127.5) + 0.2 * 255;
        const seen = changed(colorChange({ brightness: 0.2, contrast, saturation, hue }), [grey, grey, grey]);
        expectColor(seen, [value, value, value]);
      }),
      { seed: 1 },
    );
  });

  it('is drawn within the amounts, both ways', () => {
    const rows = Array.from({ length: 500 }, (_, index) => ({ seed: 1, epoch: 0, index }));
    const offsets = rows.map((row) => drawColor({ ...NOTHING, brightness: 0.2 }, row).offset);
    expect(Math.min(...offsets)).toBeGreaterThanOrEqual(-51);
    expect(Math.min(...offsets)).toBeLessThan(-49);
    expect(Math.max(...offsets)).toBeLessThanOrEqual(51);
    expect(Math.max(...offsets)).toBeGreaterThan(49);
    const factors = rows.map((row) => drawColor({ ...NOTHING, contrast: 0.3 }, row).matrix[0]!);
    expect(Math.min(...factors)).toBeGreaterThanOrEqual(0.7 - 1e-12);
    expect(Math.max(...factors)).toBeLessThanOrEqual(1.3);
    expect(Math.max(...factors) - Math.min(...factors)).toBeGreaterThan(0.58);
    expect(new Set(rows.map((row) => drawColor(EVERYTHING, row).matrix.join())).size).toBe(500);
  });
});
