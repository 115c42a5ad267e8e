import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import golden from '../../test/golden/training/classification.json' with { type: 'json' };
import { argMax, logSumExp, scoreLogits, softmax } from './classification.ts';

const classesOf = (width: number): string[] => Array.from({ length: width }, (_, index) => `class-${index}`);

function expectClose(actual: readonly number[], expected: readonly number[], tolerance = 1e-12): void {
  expect(actual).toHaveLength(expected.length);
  for (const [index, value] of expected.entries()) expect(Math.abs(actual[index]! - value)).toBeLessThan(tolerance);
}

describe('scores', () => {
  // sklearn.metrics on the same logits: test/golden/training/make_golden.py.
  it.each(golden.map((each) => [each.name, each] as const))('of %s are those of scikit-learn', (_, each) => {
    const own = scoreLogits(Float32Array.from(each.logits), each.labels, classesOf(each.width));
    expect(own.confusion).toEqual(each.confusion);
    expect(own.images).toBe(each.labels.length);
    expectClose([own.accuracy, own.top5], [each.accuracy, each.top5]);
    expectClose([own.macroPrecision, own.macroRecall, own.macroF1], each.macro);
    for (const figure of ['precision', 'recall', 'f1', 'support'] as const) {
      expectClose(
        own.perClass.map((one) => one[figure]),
        each[figure],
      );
    }
    expect(Math.abs(own.loss - each.loss)).toBeLessThan(1e-6 * Math.max(1, each.loss));
  });

  it('give a tie to the lower class', () => {
    const tie = Float32Array.of(1, 2, 2);
    expect(argMax(tie)).toBe(1);
    expect(scoreLogits(tie, [1], ['a', 'b', 'c']).accuracy).toBe(1);
    expect(scoreLogits(tie, [2], ['a', 'b', 'c']).accuracy).toBe(0);
    const six = new Float32Array(6);
    expect(scoreLogits(six, [4], classesOf(6)).top5).toBe(1);
    expect(scoreLogits(six, [5], classesOf(6)).top5).toBe(0);
  });

  it('of no rows are zeros, not NaN', () => {
    const none = scoreLogits(new Float32Array(0), [], ['a', 'b']);
    expect(none).toMatchObject({ images: 0, loss: 0, accuracy: 0, top5: 0, macroF1: 0 });
  });

  it('refuse what does not fit together', () => {
    expect(() => scoreLogits(new Float32Array(5), [0, 1], ['a', 'b'])).toThrow('5 logits for 2 rows of 2 classes');
    expect(() => scoreLogits(new Float32Array(2), [2], ['a', 'b'])).toThrow('label 2 of row 0 is outside 0…1');
  });
});

describe('softmax', () => {
  const scores = fc
    .array(fc.float({ min: -1000, max: 1000, noNaN: true }), { minLength: 1, maxLength: 20 })
    .map((values) => Float32Array.from(values));

  it('is a distribution in the order of the scores, and does not overflow', () => {
    fc.assert(
      fc.property(scores, (values) => {
        const shares = softmax(values);
        expect(Math.abs(shares.reduce((sum, share) => sum + share, 0) - 1)).toBeLessThan(1e-9);
        expect(shares.every((share) => share >= 0 && share <= 1)).toBe(true);
        expect(shares[argMax(values)]).toBe(Math.max(...shares));
      }),
      { seed: 7 },
    );
  });

  it('of large scores has a finite logarithm of its sum', () => {
    expect(logSumExp(Float32Array.of(1000, 1000))).toBeCloseTo(1000 + Math.LN2, 9);
    expect(logSumExp(Float32Array.of(-1000, -1000))).toBeCloseTo(-1000 + Math.LN2, 9);
  });
});
