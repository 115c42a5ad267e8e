import { expect, it } from 'vitest';
import { anchorFit } from './anchor-fit.ts';

it('boxes of an anchor’s own size fit wholly; those smaller than the least are missed', () => {
  expect(anchorFit([])).toBeNull();
  // The least anchor of SSD is a square of a tenth.
  const same = anchorFit([{ heightPx: 0.1, widthPx: 0.1 }]);
  expect(same?.meanOverlap).toBeCloseTo(1);
  expect(same?.missed).toBe(0);
  expect(same?.shapes[0]).toMatchObject({ width: 0.1, height: 0.1, share: 1 });
  // Half the side is a quarter of the area: an overlap of a quarter.
  const small = anchorFit([
    { heightPx: 0.05, widthPx: 0.05 },
    { heightPx: 0.1, widthPx: 0.1 },
  ]);
  expect(small?.meanOverlap).toBeCloseTo(0.625);
  expect(small?.missed).toBe(0.5);
});

it('of a million boxes a sample is looked at', () => {
  const many = Array.from({ length: 1_000_000 }, () => ({ heightPx: 0.2, widthPx: 0.2 }));
  expect(anchorFit(many)?.missed).toBe(0);
});
