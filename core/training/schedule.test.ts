import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ScheduleConfig } from '../../contracts/pipeline-config.ts';
import torchGolden from '../../test/golden/training/torch-schedules.json' with { type: 'json' };
import golden from '../../test/golden/training/schedules.json' with { type: 'json' };
import { learningRateAt, momentumAt } from './schedule.ts';
import type { Schedule } from './schedule.ts';

const ratesOf = (schedule: Schedule, base: number, totalSteps: number): number[] =>
  Array.from({ length: totalSteps }, (_, step) => learningRateAt(schedule, base, step, totalSteps));

const share = fc.double({ min: 0.01, max: 0.99, noNaN: true });
const warmupSteps = fc.nat({ max: 50 });

const anySchedule: fc.Arbitrary<Schedule> = fc
  .oneof(
    fc.record({ kind: fc.constant('constant'), warmupSteps }),
    fc.record({
      kind: fc.constant('step'),
      warmupSteps,
      everySteps: fc.option(fc.integer({ min: 1, max: 50 })),
      atSteps: fc.array(fc.integer({ min: 1, max: 300 }), { maxLength: 4 }),
      factor: share,
    }),
    fc.record({
      ...{ kind: fc.constant('exponential'), warmupSteps, decayRate: share, staircase: fc.boolean() },
      decaySteps: fc.integer({ min: 1, max: 100 }),
    }),
    fc.record({ kind: fc.constant('cosine'), warmupSteps, finalFactor: share }),
    fc.record({
      kind: fc.constant('cyclical'),
      mode: fc.constantFrom('triangular', 'triangular2', 'exp-range'),
      halfCycleSteps: fc.integer({ min: 1, max: 80 }),
      lowShare: share,
      gamma: share,
    }),
    fc.record({
      kind: fc.constant('one-cycle'),
      pctStart: share,
      div: fc.double({ min: 1.01, max: 100, noNaN: true }),
      finalDiv: fc.double({ min: 1.01, max: 1e6, noNaN: true }),
    }),
    fc.record({ kind: fc.constant('plateau'), warmupSteps }),
  )
  .map((schedule) => ScheduleConfig.parse(schedule));
const oneCycle = ScheduleConfig.parse({ kind: 'one-cycle', pctStart: 0.3, div: 10, finalDiv: 100 });

describe('learning rates', () => {
  // fastai's combined_cos, keras CosineDecay and ExponentialDecay: test/golden/training/make_golden.py.
  it.each(golden.map((each) => [each.schedule.kind, each.totalSteps, each] as const))(
    'of %s over %i steps are the published ones',
    (_, totalSteps, { schedule, base, rates }) => {
      const own = ratesOf(ScheduleConfig.parse(schedule), base, totalSteps);
      expect(own).toHaveLength(rates.length);
      // keras computes in float32.
      const rounding = schedule.kind === 'one-cycle' ? 0 : 1e-7 * base;
      for (const [step, rate] of rates.entries()) {
        expect(Math.abs(own[step]! - rate)).toBeLessThanOrEqual(1e-9 * rate + rounding);
      }
    },
  );

  // torch's own schedulers: test/golden/training/make_schedules_golden.py.
  it.each(torchGolden.map((each) => [JSON.stringify(each.schedule), each] as const))(
    'of %s are those of torch',
    (_, { schedule: given, base, totalSteps, rates, momenta }) => {
      const schedule = ScheduleConfig.parse(given);
      const own = ratesOf(schedule, base, totalSteps);
      for (const [step, rate] of rates.entries()) expect(Math.abs(own[step]! - rate)).toBeLessThan(1e-12);
      for (const [step, momentum] of (momenta ?? []).entries()) {
        expect(momentumAt(schedule, step, totalSteps)).toBeCloseTo(momentum, 12);
      }
    },
  );

  it('alone move with a schedule that has no momentum', () => {
    expect(momentumAt(ScheduleConfig.parse({ kind: 'one-cycle', momentum: null }), 3, 10)).toBeNull();
    expect(momentumAt(ScheduleConfig.parse({ kind: 'cosine' }), 3, 10)).toBeNull();
  });

  it('of one cycle begin at base/div, peak at base and end at base/finalDiv', () => {
    const rates = ratesOf(ScheduleConfig.parse({ kind: 'one-cycle' }), 0.01, 101);
    expect(rates[0]).toBeCloseTo(0.0004, 12);
    expect(rates[25]).toBeCloseTo(0.01, 12);
    expect(rates[100]).toBeCloseTo(1e-7, 15);
    expect(Math.max(...rates)).toBe(rates[25]);
  });

  it('warm up in equal steps, the first of which already learns', () => {
    expect(ratesOf({ kind: 'constant', warmupSteps: 4 }, 1, 6)).toEqual([0.25, 0.5, 0.75, 1, 1, 1]);
  });

  it('are positive where they must be, finite, and never above the base', () => {
    fc.assert(
      fc.property(
        anySchedule,
        fc.double({ min: 1e-6, max: 100, noNaN: true }),
        fc.integer({ min: 1, max: 300 }),
        (schedule, base, totalSteps) => {
          for (const rate of ratesOf(schedule, base, totalSteps)) {
            expect(rate >= 0 && rate <= base * (1 + 1e-12)).toBe(true);
          }
        },
      ),
      { seed: 3 },
    );
  });

  it('of the cosine forms have no jump: over n steps none is larger than π/2 of an even one', () => {
    const smooth = anySchedule.filter((schedule) => schedule.kind === 'one-cycle' || schedule.kind === 'cosine');
    fc.assert(
      fc.property(smooth, fc.integer({ min: 200, max: 600 }), (schedule, totalSteps) => {
        const rates = ratesOf(schedule, 1, totalSteps);
        const shortest =
          schedule.kind === 'one-cycle'
            ? Math.min(schedule.pctStart, 1 - schedule.pctStart) * (totalSteps - 1)
            : Math.min(schedule.kind === 'cosine' ? schedule.warmupSteps || totalSteps : totalSteps, totalSteps / 2);
        const largest = Math.max(...rates.slice(1).map((rate, index) => Math.abs(rate - rates[index]!)));
        expect(largest).toBeLessThanOrEqual(Math.PI / 2 / Math.max(1, Math.min(shortest, totalSteps)) + 1e-9);
      }),
      { seed: 4 },
    );
  });

  it('hang on the step alone: a run of one step has a rate too', () => {
    for (const kind of ['constant', 'cosine', 'one-cycle'] as const) {
      expect(learningRateAt(ScheduleConfig.parse({ kind }), 0.1, 0, 1)).toBeGreaterThan(0);
    }
    expect(learningRateAt(oneCycle, 1, 0, 1)).toBeCloseTo(0.1, 12);
  });

  it('beyond the last step stay at the end', () => {
    expect(learningRateAt(oneCycle, 1, 99, 10)).toBeCloseTo(0.01);
    expect(learningRateAt({ kind: 'cosine', warmupSteps: 0, finalFactor: 0.2 }, 1, 99, 10)).toBeCloseTo(0.2);
  });
});
