import { describe, expect, it } from 'vitest';
import golden from '../../test/golden/training/lr-find.json' with { type: 'json' };
import { afterLoss, defaultRangeTest, hasDiverged, noLoss, rangeTestRate, suggestRates } from './lr-finder.ts';
import type { CurvePoint } from './lr-finder.ts';

// fastai's own functions on the same curves: test/golden/training/make_lr_find_golden.py.
describe.each(golden.map((each) => [each.name, each] as const))('the range test on %s', (_, each) => {
  const test = { ...defaultRangeTest, iterations: each.iterations };
  const curve: CurvePoint[] = [];
  let state = noLoss;
  for (const [iteration, raw] of each.raw.entries()) {
    state = afterLoss(state, raw ?? Number.NaN);
    curve.push({ rate: rangeTestRate(test, iteration), loss: state.value });
    if (hasDiverged(state)) break;
  }

  it('smooths the loss and stops where fastai does', () => {
    expect(curve).toHaveLength(each.stoppedAt === null ? each.raw.length : each.stoppedAt + 1);
    for (const [i, value] of each.smooth.entries()) {
      if (value === null) expect(curve[i]!.loss).toBeNaN();
      else expect(Math.abs(curve[i]!.loss - value)).toBeLessThan(1e-9);
    }
  });

  it('suggests what fastai suggests', () => {
    const own = suggestRates(curve, each.iterations);
    for (const name of ['valley', 'steep', 'minimum', 'slide'] as const) {
      expect([name, own![name] / each.suggestions[name]]).toEqual([name, expect.closeTo(1, 9)]);
    }
  });
});

describe('a curve that is too short', () => {
  it('suggests nothing', () => {
    const curve = Array.from({ length: 17 }, (_, i) => ({ rate: 1e-7 * 2 ** i, loss: 1 }));
    expect(suggestRates(curve, 100)).toBeNull();
    expect(suggestRates([...curve, ...curve], 100)).not.toBeNull();
  });
});
