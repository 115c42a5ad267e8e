import { afterEpochOnPlateau, freshPlateau } from './plateau.ts';
import type { PlateauState } from './plateau.ts';
import type { Schedule } from './schedule.ts';

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
  readonly plateau: PlateauState;
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
  plateau: freshPlateau,
};

/** After one batch: `loss` is its mean over `size` images. */
export function afterBatch<M>(
  counters: Counters<M>,
  batch: { loss: number; correct: number; size: number },
): Counters<M> {
  return {
    ...counters,
    step: counters.step + 1,
    cursor: counters.cursor + batch.size,
    lossSum: counters.lossSum + batch.loss * batch.size,
    correct: counters.correct + batch.correct,
    seen: counters.seen + batch.size,
  };
}

export interface Judged {
  readonly validationLoss: number;
  readonly validationAccuracy: number;
}

export type Watched = 'validation.loss' | 'validation.accuracy';

/** Larger is better. */
export const scoreOf = (metrics: Judged, watched: Watched): number =>
  watched === 'validation.loss' ? -metrics.validationLoss : metrics.validationAccuracy;

export interface StopRule {
  readonly metric: Watched;
  readonly patience: number;
  readonly minDelta: number;
}

/**
 * After an epoch's validation: keeps the best epoch by `bestMetric` (the earlier of two equals) and counts epochs without
 * improvement of the early-stop metric by more than `minDelta` over the best seen *by that metric* (Keras EarlyStopping).
 */
export function afterEpoch<M extends Judged>(
  counters: Counters<M>,
  metrics: M,
  rules: { readonly bestMetric: Watched; readonly earlyStop: StopRule | null; readonly schedule?: Schedule },
): { counters: Counters<M>; improved: boolean } {
  const improved =
    counters.best === null || scoreOf(metrics, rules.bestMetric) > scoreOf(counters.best, rules.bestMetric);
  const { earlyStop, schedule } = rules;
  let { stopBest } = counters;
  let without = counters.epochsWithoutImprovement;
  if (earlyStop) {
    const score = scoreOf(metrics, earlyStop.metric);
    const better = stopBest === null || score > stopBest + earlyStop.minDelta;
    without = better ? 0 : without + 1;
    stopBest = better ? score : stopBest;
  }
  return {
    improved,
    counters: {
      ...counters,
      epoch: counters.epoch + 1,
      cursor: 0,
      lossSum: 0,
      correct: 0,
      seen: 0,
      best: improved ? metrics : counters.best,
      bestEpoch: improved ? counters.epoch + 1 : counters.bestEpoch,
      last: metrics,
      epochsWithoutImprovement: without,
      stopBest,
      stopped: earlyStop !== null && without >= earlyStop.patience,
      plateau:
        schedule?.kind === 'plateau' ? afterEpochOnPlateau(counters.plateau, metrics, schedule) : counters.plateau,
    },
  };
}
