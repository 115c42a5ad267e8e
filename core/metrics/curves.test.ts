import { describe, expect, it } from 'vitest';
import { calibration, rankingCurves } from './curves.ts';

describe('ranking curves', () => {
  // scikit-learn 1.9.1: average_precision_score, roc_auc_score of
  // y = [1,0,1,1,0,0,1,0], s = [.9,.8,.8,.6,.5,.4,.4,.1]
  const truth = [1, 0, 1, 1, 0, 0, 1, 0];
  const scores = [0.9, 0.8, 0.8, 0.6, 0.5, 0.4, 0.4, 0.1];
  it('have scikit-learn’s areas, ties and all', () => {
    const { positives, precisionRecall, roc } = rankingCurves(scores, (row) => truth[row] === 1);
    expect(positives).toBe(4);
    expect(precisionRecall.area).toBeCloseTo(0.7470238095238095, 12);
    expect(roc.area).toBeCloseTo(0.75, 12);
    expect(roc.points.at(-1)).toEqual([1, 1]);
    expect(precisionRecall.points[0]).toEqual([0, 1]);
  });
  it('of nothing, of no positives and of positives alone are numbers', () => {
    expect(rankingCurves([], () => true)).toMatchObject({ positives: 0, roc: { area: 0 } });
    expect(rankingCurves([0.5, 0.2], () => false).precisionRecall.area).toBe(0);
    expect(rankingCurves([0.5, 0.2], () => true).precisionRecall.area).toBe(1);
  });
  it('keep their ends however long they are', () => {
    const many = Float64Array.from({ length: 10_000 }, (_, i) => i / 10_000);
    const { roc } = rankingCurves(many, (row) => row % 3 === 0);
    expect(roc.points.length).toBeLessThan(450);
    expect(roc.points.at(-1)).toEqual([1, 1]);
  });
});

describe('calibration', () => {
  it('is the mean distance of confidence and accuracy, by hand', () => {
    // Two bins: .1 and .3 right once, mean .2 against .5; .9 and 1 right both times, mean .95 against 1.
    const { error, bins } = calibration([0.1, 0.3, 0.9, 1], (row) => row !== 0, 2);
    expect(bins.map(({ count }) => count)).toEqual([2, 2]);
    expect(error).toBeCloseTo(0.5 * 0.3 + 0.5 * 0.05, 12);
  });
});
