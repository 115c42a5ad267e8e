import { scoreOf } from './progress.ts';
import type { Judged } from './progress.ts';
import type { PlateauSchedule } from './schedule.ts';

/** Where `plateau` stands: the best score by its own metric, epochs without a better one, epochs of rest after a cut. */
export interface PlateauState {
  readonly best: number | null;
  readonly wait: number;
  readonly cooldown: number;
  /** What the learning rate is multiplied by. */
  readonly factor: number;
}

export const freshPlateau: PlateauState = { best: null, wait: 0, cooldown: 0, factor: 1 };

/**
 * After an epoch's validation: cuts the rate by `factor` once `patience` epochs in a row were no better by more than
 * `minDelta`, then rests for `cooldown` epochs (Keras ReduceLROnPlateau, `keras/src/callbacks/reduce_lr_on_plateau.py`).
 */
export function afterEpochOnPlateau(state: PlateauState, metrics: Judged, rule: PlateauSchedule): PlateauState {
  const score = scoreOf(metrics, rule.metric);
  const cooldown = Math.max(0, state.cooldown - 1);
  const wait = state.cooldown > 0 ? 0 : state.wait;
  if (state.best === null || score > state.best + rule.minDelta) {
    return { ...state, best: score, wait: 0, cooldown };
  }
  if (cooldown > 0) return { ...state, wait, cooldown };
  if (wait + 1 < rule.patience || state.factor <= rule.minShare) return { ...state, wait: wait + 1, cooldown };
  const factor = Math.max(state.factor * rule.factor, rule.minShare);
  return { ...state, factor, wait: 0, cooldown: rule.cooldown };
}
