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
  const compared = compareFound(first, second, 0);
  expect(compared).toMatchObject({ found: 3, missing: 0 });
  expect(compared.maxDifference).toBeCloseTo(0.02, 10);
});

test('one that is lost, one that is new and one of another class are missing; no number is nothing’s counterpart', () => {
  const one = [at(0, 0.9, 0.1), at(0, 0.5, 0.5)];
  expect(compareFound(one, [at(0, 0.9, 0.1)], 0)).toEqual({ found: 2, missing: 1, maxDifference: 0 });
  expect(compareFound(one, [...one, at(0, 0.3, 0.7)], 0)).toEqual({ found: 2, missing: 1, maxDifference: 0 });
  expect(compareFound(one, [at(0, 0.9, 0.1), at(1, 0.5, 0.5)], 0)).toMatchObject({ missing: 1 });
  expect(compareFound(one, [at(0, 0.9, 0.1), at(0, 0.5, 0.6)], 0)).toMatchObject({ missing: 1 });
  expect(compareFound(one, [at(0, Number.NaN, 0.1), at(0, 0.5, Number.NaN)], 0)).toMatchObject({ missing: 2 });
  expect(compareFound([], [], 0)).toEqual({ found: 0, missing: 0, maxDifference: 0 });
});

test('of two that are alike each has a counterpart of its own', () => {
  const twins = [at(0, 0.9, 0.1), at(0, 0.9, 0.1)];
  expect(compareFound(twins, [at(0, 0.9, 0.1)], 0)).toMatchObject({ missing: 1 });
});

test('what is hardly sure counts for nothing, but is compared', () => {
  const one = [at(0, 0.9, 0.1), at(0, 0.01, 0.5)];
  expect(compareFound(one, [at(0, 0.9, 0.1), at(1, 0.04, 0.5)], 0.05)).toEqual({
    found: 1,
    missing: 0,
    maxDifference: 0,
  });
  const moved = compareFound(one, [at(0, 0.9, 0.1), at(0, 0.02, 0.5)], 0.05);
  expect(moved).toMatchObject({ found: 1, missing: 0 });
  expect(moved.maxDifference).toBeCloseTo(0.01, 10);
  expect(compareFound(one, [at(0, 0.01, 0.5)], 0.05)).toMatchObject({ found: 1, missing: 1 });
});

test('pictures add up', () => {
  const all = together([
    { found: 2, missing: 1, maxDifference: 0.01 },
    { found: 3, missing: 0, maxDifference: 0.02 },
  ]);
  expect(all).toEqual({ found: 5, missing: 1, maxDifference: 0.02 });
});
