import { afterEpochOnPlateau, freshPlateau } from './plateau.ts';
import type { PlateauState } from './plateau.ts';
import type { Schedule } from './schedule.ts';
import { heldAfterEpoch, heldAfterStep, HISTORY_EPOCHS, isGoodEnough, nothingHeld, smoothed } from './stop-rules.ts';
import type { EpochFigures, Held, StopReason, StopWhen } from './stop-rules.ts';

/** How far a run is, in whole numbers: the training state that is not tensors. All of it survives a resume exactly. */
export interface Counters<Metrics> {
  readonly step: number;
  /** Epochs finished. */
  readonly epoch: number;
  /** Images of the running epoch that are done: the data cursor. */
  readonly cursor: number;
  readonly lossSum: number;
  readonly correct: number;
  readonly seen: number;
  readonly bestEpoch: number;
  readonly best: Metrics | null;
  readonly last: Metrics | null;
  readonly epochsWithoutImprovement: number;
  /** The best score (larger is better) that early stop has seen; null before the first epoch. */
  readonly stopBest: number | null;
  readonly stopped: boolean;
  /** Why, where it stopped. */
  readonly stopReason: StopReason | null;
  readonly plateau: PlateauState;
  /** Of `train.stopWhen`. */
  readonly held: Held;
  /** Scores (larger is better) that early stop's median is taken of. */
  readonly recent: readonly number[];
  /** Of the newest epochs, oldest first. */
  readonly history: readonly EpochFigures[];
  /** How often a loss that was no number led back to good values, and what the rate is multiplied by since. */
  readonly rollbacks: number;
  readonly rateFactor: number;
  /** Time spent, where there is a budget. */
  readonly spentMs: number;
}

export const freshCounters: Counters<never> = {
  step: 0,
  epoch: 0,
  cursor: 0,
  lossSum: 0,
  correct: 0,
  seen: 0,
  bestEpoch: 0,
  best: null,
  last: null,
  epochsWithoutImprovement: 0,
  stopBest: null,
  stopped: false,
  stopReason: null,
  plateau: freshPlateau,
  held: nothingHeld,
  recent: [],
  history: [],
  rollbacks: 0,
  rateFactor: 1,
  spentMs: 0,
};

/** After one batch: `loss` is its mean over `size` images. */
export function afterBatch<M>(
  counters: Counters<M>,
  batch: { loss: number; correct: number; size: number },
  stopWhen: StopWhen = {},
): Counters<M> {
  const held = heldAfterStep(counters.held, batch.loss, stopWhen);
  return {
    ...counters,
    step: counters.step + 1,
    cursor: counters.cursor + batch.size,
    lossSum: counters.lossSum + batch.loss * batch.size,
    correct: counters.correct + batch.correct,
    seen: counters.seen + batch.size,
    held,
    ...(isGoodEnough(held, stopWhen) ? stoppedBy('stop-when') : {}),
  };
}

/** What says that a training is at its end: it goes no further than the validation of what it has done. */
export const stoppedBy = (reason: StopReason): { stopped: true; stopReason: StopReason } => ({
  stopped: true,
  stopReason: reason,
});

/** Back at good values after a loss that was no number, at the same step and a lower rate. */
export function afterRollback<M>(counters: Counters<M>, factor: number): Counters<M> {
  return { ...counters, rollbacks: counters.rollbacks + 1, rateFactor: counters.rateFactor * factor };
}

export interface Judged {
  readonly validationLoss: number;
  readonly validationAccuracy: number;
}

/** mAP at IoU .5 stands where a classifier has its accuracy. */
export type Watched = 'validation.loss' | 'validation.accuracy' | 'validation.mAP';

/** Larger is better. */
export const scoreOf = (metrics: Judged, watched: Watched): number =>
  watched === 'validation.loss' ? -metrics.validationLoss : metrics.validationAccuracy;

export interface StopRule {
  readonly metric: Watched;
  readonly patience: number;
  readonly minDelta: number;
  /** Epochs that the judged median is taken of. */
  readonly smooth: number;
  /** Epochs before it begins to watch. */
  readonly minEpochs: number;
}

export interface EpochRules {
  readonly bestMetric: Watched;
  readonly earlyStop: StopRule | null;
  readonly schedule?: Schedule;
  readonly stopWhen?: StopWhen;
}

/**
 * After an epoch's validation: keeps the best epoch by `bestMetric` (the earlier of two equals), and asks the rules
 * whether this was the last.
 */
export function afterEpoch<M extends EpochFigures>(
  counters: Counters<M>,
  metrics: M,
  { bestMetric, earlyStop, schedule, stopWhen = {} }: EpochRules,
): { counters: Counters<M>; improved: boolean } {
  const improved = counters.best === null || scoreOf(metrics, bestMetric) > scoreOf(counters.best, bestMetric);
  const waited = earlyStop ? afterEpochOfPatience(counters, metrics, earlyStop) : {};
  const held = heldAfterEpoch(counters.held, metrics, stopWhen);
  const { trainLoss, validationLoss, validationAccuracy } = metrics;
  const plateau =
    schedule?.kind === 'plateau' ? afterEpochOnPlateau(counters.plateau, metrics, schedule) : counters.plateau;
  const next: Counters<M> = {
    ...counters,
    epoch: counters.epoch + 1,
    cursor: 0,
    lossSum: 0,
    correct: 0,
    seen: 0,
    best: improved ? metrics : counters.best,
    bestEpoch: improved ? counters.epoch + 1 : counters.bestEpoch,
    last: metrics,
    plateau,
    held,
    history: [...counters.history, { trainLoss, validationLoss, validationAccuracy }].slice(-HISTORY_EPOCHS),
    ...waited,
  };
  return { improved, counters: isGoodEnough(held, stopWhen) ? { ...next, ...stoppedBy('stop-when') } : next };
}

/**
 * Counts epochs without improvement of the early-stop metric by more than `minDelta` over the best seen *by that metric*
 * (Keras EarlyStopping, `start_from_epoch` = `minEpochs`), on the median of the last `smooth` epochs.
 */
function afterEpochOfPatience<M extends Judged>(
  counters: Counters<M>,
  metrics: M,
  rule: StopRule,
): Partial<Counters<M>> {
  const { recent, score } = smoothed(counters.recent, scoreOf(metrics, rule.metric), rule.smooth);
  if (counters.epoch < rule.minEpochs) return { recent };
  const better = counters.stopBest === null || score > counters.stopBest + rule.minDelta;
  const without = better ? 0 : counters.epochsWithoutImprovement + 1;
  return {
    recent,
    epochsWithoutImprovement: without,
    stopBest: better ? score : counters.stopBest,
    ...(without >= rule.patience ? stoppedBy('early-stop') : {}),
  };
}
