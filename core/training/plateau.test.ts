import { describe, expect, it } from 'vitest';
import { ScheduleConfig } from '../../contracts/pipeline-config.ts';
import golden from '../../test/golden/training/reduce-on-plateau.json' with { type: 'json' };
import { afterEpochOnPlateau, freshPlateau } from './plateau.ts';
import type { PlateauState } from './plateau.ts';
import type { PlateauSchedule } from './schedule.ts';

function plateau(rule: object): PlateauSchedule {
  const schedule = ScheduleConfig.parse({ kind: 'plateau', ...rule });
  if (schedule.kind !== 'plateau') throw new Error(schedule.kind);
  return schedule;
}

describe('a rate that is cut on a plateau', () => {
  const cases = golden.map((each) => [each.name, JSON.stringify(each.rule), each] as const);

  // keras.callbacks.ReduceLROnPlateau on the same curves: test/golden/training/make_schedules_golden.py.
  it.each(cases)('where validation %s (%s) is that of Keras', (_, _rule, each) => {
    const rule = plateau(each.rule);
    let state: PlateauState = freshPlateau;
    const factors = each.values.map((value) => {
      const metrics = { validationLoss: value, validationAccuracy: value };
      state = afterEpochOnPlateau(state, metrics, rule);
      return state.factor;
    });
    // keras holds the rate in float32.
    for (const [epoch, rate] of each.rates.entries()) expect(Math.abs(factors[epoch]! - rate)).toBeLessThan(1e-7);
  });

  it('does get cut in these', () => {
    const cut = golden.filter(({ rates }) => rates.some((rate) => rate < 1));
    expect(cut.length).toBeGreaterThan(golden.length / 2);
  });
});
