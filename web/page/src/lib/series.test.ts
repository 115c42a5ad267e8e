import { describe, expect, it } from 'vitest';
import { alignLines, inWords, positive, smooth } from './series.ts';

describe('smooth', () => {
  it('is the debiased moving average of TensorBoard, worked out by hand', () => {
    // .5: 4 → 4; (.25·4 + .5·8)/.75 … last = 2, 5; debias .5, .75 → 4, 6.666…
    const [first, second] = smooth([4, 8], 0.5);
    expect(first).toBe(4);
    expect(second).toBeCloseTo(5 / 0.75, 12);
  });

  it('leaves a constant alone, keeps gaps, and does nothing with no weight', () => {
    expect(smooth([2, null, 2], 0.9).map((v) => (v === null ? v : Number(v.toFixed(9))))).toEqual([2, null, 2]);
    expect(smooth([1, 5], 0)).toEqual([1, 5]);
  });
});

describe('alignLines', () => {
  it('keeps what shares its x as it is', () => {
    const x = [1, 2];
    expect(alignLines([line('a', x, [3, 4]), line('b', [1, 2], [5, null])])).toEqual([
      [1, 2],
      [3, 4],
      [5, null],
    ]);
  });

  it('tells no point (the line goes on) from a gap', () => {
    expect(alignLines([line('a', [1, 3], [3, null]), line('b', [2], [7])])).toEqual([
      [1, 2, 3],
      [3, undefined, null],
      [undefined, 7, undefined],
    ]);
  });
});

it('shows only what a logarithm has', () => {
  expect(positive([1, 0, -1, null])).toEqual([1, null, null, null]);
});

it('says a curve in words', () => {
  expect(inWords(line('loss', [0, 1, 2], [3, 1, 2]))).toBe('loss: lowest 1 at 1, highest 3 at 0, last 2 at 2');
  expect(inWords(line('loss', [], []))).toBe('loss: no values');
});

const line = (label: string, x: readonly number[], y: readonly (number | null)[]) => ({ label, x, y });
