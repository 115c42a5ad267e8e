import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import golden from '../../test/golden/promotion/statistics.json' with { type: 'json' };
import { drawTestSet } from '../../test/lib/two-models.ts';
import type { TwoModels } from '../../test/lib/two-models.ts';
import { ImprovementConfig } from '../../contracts/gate-config.ts';
import { scoreLogits } from '../metrics/classification.ts';
import { bootstrap, percentile } from './bootstrap.ts';
import { coinTail, normalTail, shareInterval } from './counts.ts';
import { comparePaired, winsAndLosses } from './paired.ts';
import { improvement } from './rules.ts';

describe('the golden values', () => {
  // scipy.stats and scikit-learn: test/golden/promotion/make_golden.py.
  it.each(golden.coin)('coin: $wins against $losses', ({ wins, losses, p }) => {
    expect(Math.abs(coinTail(wins, losses) - p)).toBeLessThan(wins + losses > 2000 ? 5e-4 : 1e-10);
  });

  it.each(golden.wilson)('Wilson: $hits of $of', ({ hits, of, lower, upper }) => {
    const own = shareInterval(hits, of);
    expect(Math.abs(own.lower - lower)).toBeLessThan(1e-9);
    expect(Math.abs(own.upper - upper)).toBeLessThan(1e-9);
  });

  it.each(golden.paired.map((each) => [each.labels.length, each] as const))('paired: %i images', (_, each) => {
    const found = comparePaired(each, { resamples: 4000, seed: 3, confidence: 0.95 });
    expect(found).toMatchObject({ wins: each.wins, losses: each.losses });
    for (const figure of ['accuracy', 'macroF1'] as const) {
      const [change = 0, lower = 0, upper = 0] = each[figure];
      expect(found[figure].change).toBeCloseTo(change, 12);
      // Two Monte Carlo estimates of a quantile on a grid of 1/images.
      const tolerance = 1.01 / each.labels.length;
      expect(Math.abs(found[figure].lower - lower)).toBeLessThan(tolerance);
      expect(Math.abs(found[figure].upper - upper)).toBeLessThan(tolerance);
    }
  });
});

describe('counts', () => {
  it('favour more wins, and both tails share the middle', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 400 }), fc.integer({ min: 0, max: 400 }), (wins, losses) => {
        const p = coinTail(wins, losses);
        expect(p).toBeGreaterThan(0);
        expect(p).toBeLessThanOrEqual(1);
        expect(coinTail(wins + 1, losses)).toBeLessThanOrEqual(p + 1e-12);
        // P(X ≥ w) + P(X ≥ l) = 1 + P(X = w) for X of w + l fair throws.
        expect(p + coinTail(losses, wins)).toBeGreaterThanOrEqual(1 - 1e-9);
      }),
      { seed: 5 },
    );
  });

  it('above 2,000 go on where the exact ones end', () => {
    expect(Math.abs(coinTail(1030, 971) - coinTail(1030, 970))).toBeLessThan(0.01);
    expect(normalTail(1.959963984540054)).toBeCloseTo(0.025, 6);
    expect(normalTail(-1)).toBeCloseTo(0.841344746, 6);
  });
});

describe('the bootstrap', () => {
  it('draws as many units as there are, the same every time', () => {
    const sums = new Set<number>();
    const run = () =>
      bootstrap(17, { resamples: 50, seed: 9 }, (drawn) => {
        sums.add(drawn.reduce((sum, times) => sum + times, 0));
        return [drawn[0] ?? 0, drawn[16] ?? 0];
      });
    expect(run()).toEqual(run());
    expect([...sums]).toEqual([17]);
  });

  it('has percentiles by the rule of k = ⌊share·(B+1)⌋', () => {
    const values = Float64Array.from({ length: 999 }, (_, index) => index + 1);
    expect([percentile(values, 0.05), percentile(values, 0.95), percentile(values, 0)]).toEqual([50, 950, 1]);
  });

  it('takes any figure of images: macro F1 is that of the metrics', () => {
    const answers = drawTestSet({ images: 90, classes: 4, champion: 0.6, challenger: 0.8, alike: 0.5 }, 1);
    const f1 = (given: ArrayLike<number>): number => {
      const logits = new Float32Array(answers.labels.length * 4);
      for (let row = 0; row < answers.labels.length; row++) logits[row * 4 + given[row]!] = 1;
      return scoreLogits(logits, answers.labels, ['a', 'b', 'c', 'd']).macroF1;
    };
    const { macroF1 } = comparePaired(answers, { resamples: 1, seed: 1, confidence: 0.95 });
    expect(macroF1.change).toBeCloseTo(f1(answers.challenger) - f1(answers.champion), 12);
  });

  it('of no images has no bounds', () => {
    const none = comparePaired(
      { classes: 2, labels: [], challenger: [], champion: [] },
      { resamples: 10, seed: 1, confidence: 0.95 },
    );
    expect(none).toMatchObject({ images: 0, pValue: 1, accuracy: { change: 0, lower: Number.NaN } });
  });
});

/** As `npm run bench:gate`, with fewer of the better models: each of those costs a bootstrap. */
describe('the default rule', () => {
  const rule = ImprovementConfig.parse({});
  const promotes = (models: TwoModels, draw: number): boolean => {
    const answers = drawTestSet(models, draw);
    const { wins, losses } = winsAndLosses(answers);
    // Both must hold, and the counts are the cheaper one to ask.
    if (coinTail(wins, losses) > 1 - rule.confidence) return false;
    return improvement(answers, rule, 1).every(({ passed }) => passed);
  };
  const count = (models: TwoModels, draws: number): number =>
    Array.from({ length: draws }, (_, draw) => promotes(models, draw)).filter(Boolean).length;

  it('promotes at most 5 % of 500 challengers that are no better', () => {
    expect(count({ images: 1000, classes: 10, champion: 0.9, challenger: 0.9, alike: 0.5 }, 500)).toBeLessThanOrEqual(
      25,
    );
    expect(count({ images: 60, classes: 3, champion: 0.8, challenger: 0.8, alike: 0 }, 500)).toBeLessThanOrEqual(25);
  }, 60_000);

  it('promotes at least 80 % of those better by 3 points on 1,000 images', () => {
    const better = { images: 1000, classes: 10, champion: 0.9, challenger: 0.93, alike: 0.5 };
    expect(count(better, 40)).toBeGreaterThanOrEqual(32);
  }, 60_000);
});
