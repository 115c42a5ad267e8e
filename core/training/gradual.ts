import { learningRateAt, momentumAt } from './schedule.ts';
import type { Schedule } from './schedule.ts';

/** `train.gradual`: fastai's `fine_tune` (fastai/callback/schedule.py). */
export interface GradualSettings {
  /** Epochs in which only the new layers learn. */
  readonly frozenEpochs: number;
  /** The first layers' rate is that of the head through this, once all learns. */
  readonly spread: number;
  readonly pctStart: number;
  readonly div: number;
}

export interface GradualAt {
  readonly frozen: boolean;
  readonly learningRate: number;
  readonly momentum: number;
}

const cycle = (pctStart: number, div: number): Schedule & { kind: 'one-cycle' } => ({
  kind: 'one-cycle',
  ...{ pctStart, div, finalDiv: 1e5, momentum: { high: 0.95, low: 0.85 } },
});

/** Of the frozen part: `fit_one_cycle(freeze_epochs, base, pct_start=.99)`, whose div is 25. */
const FROZEN = cycle(0.99, 25);

/**
 * Rate and momentum of a step: a one-cycle at `base` while the trunk is frozen, then one at half of it for everything. A
 * function of the step alone, so a resume needs no state.
 */
export function gradualAt(
  { frozenEpochs, pctStart, div }: GradualSettings,
  base: number,
  step: number,
  { perEpoch, epochs }: { readonly perEpoch: number; readonly epochs: number },
): GradualAt {
  const frozenSteps = frozenEpochs * perEpoch;
  const at = (schedule: Schedule, rate: number, own: number, total: number, frozen: boolean): GradualAt => ({
    frozen,
    learningRate: learningRateAt(schedule, rate, own, total),
    momentum: momentumAt(schedule, own, total) ?? 0.9,
  });
  if (step < frozenSteps) return at(FROZEN, base, step, frozenSteps, true);
  return at(cycle(pctStart, div), base / 2, step - frozenSteps, epochs * perEpoch - frozenSteps, false);
}

/**
 * The rate of a backbone's block as a share of the head's: fastai parts the body in two, and spreads the rates of its
 * three groups by even factors (`slice(base/100, base)` → base/100, base/10, base).
 */
export function gradualShare({ spread }: GradualSettings, block: number, blocks: number): number {
  return block < blocks / 2 ? 1 / spread : 1 / Math.sqrt(spread);
}
