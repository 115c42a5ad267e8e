import type { Judged } from './progress.ts';

/** `train.stopWhen`: a limit, and how many steps (`loss`) or epochs (the others) in a row must keep it. */
export interface StopWhen {
  readonly loss?: Below | undefined;
  readonly 'validation.loss'?: Below | undefined;
  readonly 'validation.accuracy'?: { readonly above: number; readonly for: number } | undefined;
}

interface Below {
  readonly below: number;
  readonly for: number;
}

/** How many steps or epochs in a row, up to now, have kept each limit. */
export interface Held {
  readonly loss: number;
  readonly 'validation.loss': number;
  readonly 'validation.accuracy': number;
}

export const nothingHeld: Held = { loss: 0, 'validation.loss': 0, 'validation.accuracy': 0 };

/** Why a training ended before its last epoch. */
export type StopReason = 'early-stop' | 'stop-when' | 'budget';

export function heldAfterStep(held: Held, loss: number, { loss: rule }: StopWhen): Held {
  return rule ? { ...held, loss: loss < rule.below ? held.loss + 1 : 0 } : held;
}

export function heldAfterEpoch(held: Held, metrics: Judged, rules: StopWhen): Held {
  const [loss, accuracy] = [rules['validation.loss'], rules['validation.accuracy']];
  const count = (kept: boolean, before: number): number => (kept ? before + 1 : 0);
  return {
    ...held,
    'validation.loss': loss ? count(metrics.validationLoss < loss.below, held['validation.loss']) : 0,
    'validation.accuracy': accuracy
      ? count(metrics.validationAccuracy > accuracy.above, held['validation.accuracy'])
      : 0,
  };
}

/** Whether any rule has been kept for as long as it asks. */
export function isGoodEnough(held: Held, rules: StopWhen): boolean {
  const names = ['loss', 'validation.loss', 'validation.accuracy'] as const;
  return names.some((name) => held[name] >= (rules[name]?.for ?? Number.POSITIVE_INFINITY));
}

/** The middle value; the mean of the two in the middle where there are two. NaN of nothing. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** The last `window` scores with one more, and the median that is judged. */
export function smoothed(
  recent: readonly number[],
  score: number,
  window: number,
): { readonly recent: readonly number[]; readonly score: number } {
  const values = [...recent, score].slice(-window);
  return { recent: values, score: median(values) };
}

/** `train.budget`: what may be spent. */
export interface Budget {
  readonly hours: number | null;
  readonly cost: number | null;
  readonly pricePerHour: number | null;
}

/** The hours that a budget allows; infinity where it sets no limit. A cost without a price sets none. */
export function hoursAllowed(budget: Budget | null): number {
  if (budget === null) return Number.POSITIVE_INFINITY;
  const { hours, cost, pricePerHour } = budget;
  const paid = cost !== null && pricePerHour !== null ? cost / pricePerHour : Number.POSITIVE_INFINITY;
  return Math.min(hours ?? Number.POSITIVE_INFINITY, paid);
}

/** Figures of one finished epoch, as the detectors of core/training/curves.ts read them. */
export interface EpochFigures extends Judged {
  readonly trainLoss: number;
}

/** So many epochs are remembered. */
export const HISTORY_EPOCHS = 60;
