import { expect, test } from 'vitest';
import { compareFound, together } from './compare-found.ts';

const at = (label: number, score: number, left: number) => ({
  label,
  score,
  box: [0.1, left, 0.5, left + 0.2] as const,
});

test('objects are compared with their counterparts, whatever their order', () => {
  const first = [at(0, 0.9, 0.1), at(0, 0.8, 0.5), at(1, 0.7, 0.1)];
  const second = [at(1, 0.71, 0.1), at(0, 0.8, 0.52), at(0, 0.9, 0.1)];
  const compared = compareFound(first, second);
  expect(compared).toMatchObject({ found: 3, missing: 0 });
  expect(compared.maxDifference).toBeCloseTo(0.02, 10);
});

test('one that is lost, one that is new and one of another class are missing; no number is nothing’s counterpart', () => {
  const one = [at(0, 0.9, 0.1), at(0, 0.5, 0.5)];
  expect(compareFound(one, [at(0, 0.9, 0.1)])).toEqual({ found: 2, missing: 1, maxDifference: 0 });
  expect(compareFound(one, [...one, at(0, 0.3, 0.7)])).toEqual({ found: 2, missing: 1, maxDifference: 0 });
  expect(compareFound(one, [at(0, 0.9, 0.1), at(1, 0.5, 0.5)])).toMatchObject({ missing: 1 });
  expect(compareFound(one, [at(0, 0.9, 0.1), at(0, 0.5, 0.6)])).toMatchObject({ missing: 1 });
  expect(compareFound(one, [at(0, Number.NaN, 0.1), at(0, 0.5, Number.NaN)])).toMatchObject({ missing: 2 });
  expect(compareFound([], [])).toEqual({ found: 0, missing: 0, maxDifference: 0 });
});

test('of two that are alike each has a counterpart of its own', () => {
  const twins = [at(0, 0.9, 0.1), at(0, 0.9, 0.1)];
  expect(compareFound(twins, [at(0, 0.9, 0.1)])).toMatchObject({ missing: 1 });
});

test('pictures add up', () => {
  const all = together([
    { found: 2, missing: 1, maxDifference: 0.01 },
    { found: 3, missing: 0, maxDifference: 0.02 },
  ]);
  expect(all).toEqual({ found: 5, missing: 1, maxDifference: 0.02 });
});
