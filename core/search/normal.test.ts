import { expect, it } from 'vitest';
import { normalCdf, normalMass, truncatedNormal } from './normal.ts';
import { agedWeights } from './parzen.ts';

it('the distribution function has its known values', () => {
  // Abramowitz and Stegun, table 26.1.
  for (const [x, p] of [
    [0, 0.5],
    [1, 0.841344746068543],
    [2, 0.977249868051821],
    [-3, 0.00134989803163],
  ] as const) {
    expect(normalCdf(x)).toBeCloseTo(p, 14);
  }
  // scipy.stats.norm.sf(8) - sf(9): cancellation would leave nothing of it.
  expect(normalMass(8, 9) / 6.219831985865787e-16).toBeCloseTo(1, 6);
});

it('a truncated normal is inverted where it is asked', () => {
  for (const unit of [0.001, 0.3, 0.5, 0.99]) {
    const x = truncatedNormal(3, 2, 0, 4, unit);
    expect(normalMass(-1.5, (x - 3) / 2) / normalMass(-1.5, 0.5)).toBeCloseTo(unit, 12);
  }
});

it('old observations fade, the newest 25 do not', () => {
  expect(agedWeights(3)).toEqual([1, 1, 1]);
  const weights = agedWeights(30);
  expect([weights[0], weights.slice(5).every((weight) => weight === 1)]).toEqual([1 / 30, true]);
});
