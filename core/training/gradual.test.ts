import { describe, expect, it } from 'vitest';
import { gradualAt, gradualShare } from './gradual.ts';

const settings = { frozenEpochs: 1, spread: 100, pctStart: 0.3, div: 5 };
const at = (step: number) => gradualAt(settings, 2e-3, step, { perEpoch: 11, epochs: 4 });

/**
 * fastai: fine_tune(3, base_lr=2e-3, freeze_epochs=1) with 11 batches an epoch, from its formulas: combine_scheds of two
 * SchedCos, positions i/(n − 1); frozen 2e-3/25 → 2e-3 at .99 → 2e-8, then 1e-3/5 → 1e-3 at .3 → 1e-8.
 */
describe('gradualAt', () => {
  it('trains the new layers for an epoch, rising nearly to its end', () => {
    expect(at(0)).toEqual({ frozen: true, learningRate: 8e-5, momentum: 0.95 });
    const middle = 8e-5 + ((1 - Math.cos(Math.PI * (0.5 / 0.99))) / 2) * (2e-3 - 8e-5);
    expect(at(5).learningRate).toBeCloseTo(middle, 12);
    expect(at(10).frozen).toBe(true);
    expect(at(10).learningRate).toBeCloseTo(2e-8, 12);
  });

  it('then everything at half the rate', () => {
    expect(at(11).frozen).toBe(false);
    expect(at(11).learningRate).toBeCloseTo(2e-4, 12);
    // 33 steps: position .3 lies between steps 9 and 10 of 0 … 32.
    expect(Math.max(...Array.from({ length: 33 }, (_, i) => at(11 + i).learningRate))).toBeCloseTo(1e-3, 5);
    expect(at(43).learningRate).toBeCloseTo(1e-8, 12);
    expect(at(43).momentum).toBeCloseTo(0.95, 12);
  });

  it('spreads the rates over three groups by even factors', () => {
    const shares = [0, 1, 2, 3].map((block) => gradualShare(settings, block, 4));
    expect(shares.map((share) => Number(share.toFixed(6)))).toEqual([0.01, 0.01, 0.1, 0.1]);
  });
});
