import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { stream } from '../rng.ts';
import { fitAnchors, fitOf, overlapOfSides } from './fit-anchors.ts';
import type { Sides } from './fit-anchors.ts';

const sides = (heightPx: number, widthPx: number): Sides => ({ heightPx, widthPx });

describe('anchors fitted to boxes', () => {
  test('overlap about one centre', () => {
    expect(overlapOfSides(sides(10, 10), sides(10, 10))).toBe(1);
    // 4 × 10 of 10 × 10 and 4 × 20: shared 40, union 100 + 80 − 40.
    expect(overlapOfSides(sides(10, 10), sides(4, 20))).toBeCloseTo(40 / 140, 12);
    expect(overlapOfSides(sides(0, 0), sides(0, 0))).toBe(0);
  });

  test('finds the three kinds of boxes that there are', () => {
    const random = stream(1, 'kinds');
    const kinds = [sides(20, 20), sides(40, 120), sides(200, 60)];
    const boxes = Array.from({ length: 300 }, (_, i) => {
      const kind = kinds[i % 3]!;
      const [a, b] = [random.uniform(i, 0), random.uniform(i, 1)].map((u) => 0.9 + 0.2 * u);
      return sides(kind.heightPx * a!, kind.widthPx * b!);
    });
    const { shapes, meanOverlap, counts } = fitAnchors(boxes, 3, 1);
    expect(counts).toEqual([100, 100, 100]);
    for (const [i, { heightPx, widthPx }] of shapes.entries()) {
      expect(Math.abs(heightPx / kinds[i]!.heightPx - 1)).toBeLessThan(0.02);
      expect(Math.abs(widthPx / kinds[i]!.widthPx - 1)).toBeLessThan(0.02);
    }
    expect(meanOverlap).toBeGreaterThan(0.85);
    expect(fitOf(boxes, [sides(64, 64)]).meanOverlap).toBeLessThan(0.4);
  });

  const anyBoxes = fc.array(fc.tuple(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 300 })).map(([h, w]) => sides(h, w)), { minLength: 1, maxLength: 40 }); // prettier-ignore
  test('is a function of boxes and seed, and counts every box', () => {
    fc.assert(
      fc.property(anyBoxes, fc.integer({ min: 1, max: 6 }), (boxes, count) => {
        const fitted = fitAnchors(boxes, count, 7);
        expect(fitAnchors(boxes, count, 7)).toEqual(fitted);
        expect(fitted.shapes.length).toBeLessThanOrEqual(count);
        expect(fitted.counts.reduce((sum, each) => sum + each, 0)).toBe(boxes.length);
        expect(fitted.meanOverlap).toBeGreaterThan(0);
        expect(fitted.meanOverlap).toBeLessThanOrEqual(1 + 1e-12);
      }),
    );
  });

  test('equal boxes give one anchor that fits them wholly', () => {
    expect(fitAnchors([sides(3, 4), sides(3, 4)], 5, 1)).toEqual({
      shapes: [sides(3, 4)],
      meanOverlap: 1,
      counts: [2],
    });
  });
});
