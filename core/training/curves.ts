import { median } from './stop-rules.ts';
import type { EpochFigures } from './stop-rules.ts';

/** What a person should hear of a training's curves. */
export interface CurveFinding {
  readonly level: 'info' | 'warning';
  readonly code: string;
  readonly message: string;
}

export interface CurveInput {
  /** Finished epochs, oldest first. */
  readonly history: readonly EpochFigures[];
  /** The number of the last of them, from 1. */
  readonly epoch: number;
  readonly bestEpoch: number;
  readonly validationRows: number;
  readonly classes: number;
  readonly rollbacks: number;
}

/** Fewer epochs have no trend. */
const MIN_EPOCHS = 8;
/** Epochs that are looked at: the newest. */
const WINDOW = 20;
/** Smaller swings of a share are nobody's trouble. */
const SMALL_SWING = 0.02;

/** All that the detectors see. */
export function curveFindings(input: CurveInput): CurveFinding[] {
  const found = [rolledBack(input), instability(input), overfitting(input), lossLevel(input)];
  return found.flatMap((finding) => (finding ? [finding] : []));
}

/** A loss that was no number, and led back. */
export function rolledBack({ rollbacks }: Pick<CurveInput, 'rollbacks'>): CurveFinding | null {
  if (rollbacks === 0) return null;
  return {
    level: 'warning',
    code: 'NONFINITE_ROLLBACK',
    message: `the loss was no number ${rollbacks} times: each time the training went back to its best epoch, or to the start, and on at a lower rate; begin with that rate the next time`,
  };
}

/**
 * Accuracy that swings from epoch to epoch by more than it has gained: the median of |aᵢ − aᵢ₋₁| against the distance of
 * the medians of both halves, over the newest 20 epochs. Swings within 1.5 standard errors √(a(1 − a)/n) of n validation
 * images are what so few images must show.
 */
export function instability({ history, epoch, bestEpoch, validationRows }: CurveInput): CurveFinding | null {
  const accuracy = history.slice(-WINDOW).map(({ validationAccuracy }) => validationAccuracy);
  if (accuracy.length < MIN_EPOCHS) return null;
  const swing = median(accuracy.slice(1).map((value, index) => Math.abs(value - (accuracy[index] ?? value))));
  const half = accuracy.length >> 1;
  const trend = Math.abs(median(accuracy.slice(half)) - median(accuracy.slice(0, half)));
  if (swing <= trend || swing <= SMALL_SWING) return null;
  const level = median(accuracy);
  const noise = Math.sqrt((level * (1 - level)) / Math.max(1, validationRows));
  const cause =
    swing <= 1.5 * noise
      ? `${validationRows} validation images can tell no better than ± ${percent(noise)}: hold out more of them`
      : 'lower the learning rate, raise the batch size, or hold out more validation images';
  const steady = steadyEpoch(accuracy, epoch);
  const kept = `epoch ${bestEpoch} is kept${steady === bestEpoch ? '' : `; by the median of three it would be epoch ${steady}`}`;
  return {
    level: 'warning',
    code: 'UNSTABLE',
    message: `validation accuracy swings by ${percent(swing)} from epoch to epoch and has moved by ${percent(trend)} in all: ${cause}; ${kept}`,
  };
}

/** The epoch in the middle of the three with the highest median accuracy. */
function steadyEpoch(accuracy: readonly number[], lastEpoch: number): number {
  const first = lastEpoch - accuracy.length + 1;
  const medians = accuracy.map((_, index) => median(accuracy.slice(Math.max(0, index - 1), index + 2)));
  return first + medians.indexOf(Math.max(...medians));
}

/** Validation loss that has risen by a tenth for three epochs and more while the training loss went on falling. */
export function overfitting({ history, epoch }: CurveInput): CurveFinding | null {
  const losses = history.map(({ validationLoss }) => validationLoss);
  const at = losses.indexOf(Math.min(...losses));
  const [lowest, last] = [history[at], history.at(-1)];
  if (!lowest || !last || history.length - 1 - at < 3) return null;
  if (last.validationLoss < 1.1 * lowest.validationLoss || last.trainLoss >= lowest.trainLoss) return null;
  const since = epoch - (history.length - 1 - at);
  return {
    level: 'warning',
    code: 'OVERFITTING',
    message: `since epoch ${since} the validation loss has risen from ${figure(lowest.validationLoss)} to ${figure(last.validationLoss)} while the training loss fell to ${figure(last.trainLoss)}: the network learns the pictures by heart; stop there (train.earlyStop), freeze more, or add augmentation or data`,
  };
}

/** A classifier that still guesses: a training loss no lower than nine tenths of ln(classes). */
export function lossLevel({ history, classes }: CurveInput): CurveFinding | null {
  const chance = Math.log(classes);
  const last = history.at(-1);
  if (!last || classes < 2 || last.trainLoss < 0.9 * chance) return null;
  return {
    level: 'warning',
    code: 'LOSS_LEVEL',
    message: `the training loss ${figure(last.trainLoss)} is about that of guessing among ${classes} classes (ln ${classes} = ${figure(chance)}): nothing has been learnt; try graft lr-find, more epochs, or fewer frozen layers`,
  };
}

const percent = (value: number): string => `${(100 * value).toFixed(1)} %`;
const figure = (value: number): string => value.toPrecision(3);
