import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { StopWhenConfig } from '../../contracts/stopping-config.ts';
import golden from '../../test/golden/training/stop-when.json' with { type: 'json' };
import { afterBatch, afterEpoch, afterRollback, freshCounters } from './progress.ts';
import type { Counters } from './progress.ts';
import { hoursAllowed, median } from './stop-rules.ts';
import type { EpochFigures } from './stop-rules.ts';

describe('good enough', () => {
  // The first place where so many in a row are below, by numpy: test/golden/training/make_stop_golden.py.
  it.each(golden.map((each) => [each.below, each.for, each] as const))(
    'is a loss below %f for %i steps in a row',
    (below, steps, { values, stopsAt }) => {
      const rules = StopWhenConfig.parse({ loss: { below, for: steps } });
      let counters: Counters<EpochFigures> = freshCounters;
      const stops = values.findIndex((loss) => {
        counters = afterBatch(counters, { loss, correct: 0, size: 1 }, rules);
        return counters.stopped;
      });
      expect(stops).toBe(stopsAt);
      expect(counters.stopReason).toBe(stopsAt < 0 ? null : 'stop-when');
    },
  );

  it.each([
    [{ 'validation.accuracy': { above: 0.9, for: 2 } }, 5],
    [{ 'validation.loss': { below: 0.3 } }, 4],
    [{ 'validation.loss': { below: 0.05 } }, null],
  ] as const)('is what validation says, epoch after epoch: %j', (given, expected) => {
    const stopWhen = StopWhenConfig.parse(given);
    let counters: Counters<EpochFigures> = freshCounters;
    const accuracies = [0.5, 0.91, 0.85, 0.92, 0.95, 0.96];
    for (const [index, validationAccuracy] of accuracies.entries()) {
      const metrics = { trainLoss: 1, validationLoss: 1 / (index + 1), validationAccuracy };
      counters = afterEpoch(counters, metrics, { bestMetric: 'validation.loss', earlyStop: null, stopWhen }).counters;
      if (counters.stopped) break;
    }
    expect(counters.stopped ? counters.epoch : null).toBe(expected);
  });

  it('is never reached by a loss that is no number', () => {
    const rules = StopWhenConfig.parse({ loss: { below: 10, for: 2 } });
    const one = afterBatch(freshCounters, { loss: 1, correct: 0, size: 1 }, rules);
    expect(afterBatch(one, { loss: Number.NaN, correct: 0, size: 1 }, rules).held.loss).toBe(0);
  });
});

describe('a median', () => {
  it('has as many values below as above', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -50, max: 50 }), { minLength: 1 }), (values) => {
        const middle = median(values);
        const below = values.filter((value) => value < middle).length;
        const above = values.filter((value) => value > middle).length;
        expect(Math.max(below, above)).toBeLessThanOrEqual(values.length / 2);
      }),
      { seed: 2 },
    );
    expect(median([])).toBeNaN();
  });
});

describe('a budget', () => {
  it.each([
    [null, Infinity],
    [{ hours: 2, cost: null, pricePerHour: 3 }, 2],
    [{ hours: 2, cost: 3, pricePerHour: 3 }, 1],
    [{ hours: null, cost: 3, pricePerHour: null }, Infinity],
  ])('of %j allows %f hours', (budget, hours) => {
    expect(hoursAllowed(budget)).toBe(hours);
  });
});

describe('a rollback', () => {
  it('lowers the rate once more, at the same step', () => {
    const failed = { ...freshCounters, step: 30, rollbacks: 1, rateFactor: 0.5 };
    expect(afterRollback(failed, 0.5)).toMatchObject({ step: 30, rollbacks: 2, rateFactor: 0.25 });
  });
});
