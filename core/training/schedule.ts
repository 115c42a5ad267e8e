import { unreachable } from '../errors.ts';
import type { Watched } from './progress.ts';

/**
 * How the learning rate moves over a run. Every form is a function of the step alone, so a resume needs no state;
 * `plateau` also has a factor, which the counters hold (core/training/plateau.ts).
 */
export type Schedule =
  | { readonly kind: 'constant'; readonly warmupSteps: number }
  | {
      readonly kind: 'step';
      readonly warmupSteps: number;
      /** A decay each time so many steps are done; null for none. */
      readonly everySteps: number | null;
      /** Also one when each of these steps is reached. */
      readonly atSteps: readonly number[];
      readonly factor: number;
    }
  | {
      readonly kind: 'exponential';
      readonly warmupSteps: number;
      readonly decaySteps: number;
      readonly decayRate: number;
      readonly staircase: boolean;
    }
  | { readonly kind: 'cosine'; readonly warmupSteps: number; readonly finalFactor: number }
  | {
      readonly kind: 'cyclical';
      readonly mode: 'triangular' | 'triangular2' | 'exp-range';
      /** Steps from the lowest rate to the highest. */
      readonly halfCycleSteps: number;
      /** Lowest rate as a share of the highest. */
      readonly lowShare: number;
      /** Factor a step of `exp-range`. */
      readonly gamma: number;
    }
  | {
      readonly kind: 'one-cycle';
      readonly pctStart: number;
      readonly div: number;
      readonly finalDiv: number;
      readonly momentum: { readonly high: number; readonly low: number } | null;
    }
  | PlateauSchedule;

export interface PlateauSchedule {
  readonly kind: 'plateau';
  readonly warmupSteps: number;
  readonly metric: Watched;
  readonly factor: number;
  readonly patience: number;
  readonly minDelta: number;
  readonly cooldown: number;
  /** The lowest factor. */
  readonly minShare: number;
}

/** Whether the rate at a step hangs on how many steps there are. */
export function spansTraining({ kind }: Pick<Schedule, 'kind'>): boolean {
  return kind === 'cosine' || kind === 'one-cycle';
}

/**
 * The learning rate of step `step` (0-based) of `totalSteps`, with `base` as the configured rate.
 *
 * - Linear warm-up over `warmupSteps`, where there is one; what follows counts its steps from there.
 * - step: base · factor^n after n decays (torch StepLR and MultiStepLR).
 * - exponential: base · decayRate^(step/decaySteps), floored to whole powers with `staircase` (tf.train.exponential_decay).
 * - cosine: falls to `base · finalFactor` (Loshchilov and Hutter, SGDR 1608.03983 eq. 5 without restarts).
 * - cyclical: between base · lowShare and base (Smith 1506.01186 §3.2; torch CyclicLR).
 * - one-cycle: cosine from base/div up to base at `pctStart`, cosine down to base/finalDiv (fastai
 *   `fastai/callback/schedule.py` `fit_one_cycle`, where final = base/div_final).
 * - plateau: constant here; whoever keeps its factor multiplies by it.
 */
export function learningRateAt(schedule: Schedule, base: number, step: number, totalSteps: number): number {
  switch (schedule.kind) {
    case 'cyclical':
      return base * cyclicalShare(schedule, step);
    case 'one-cycle': {
      const { div, finalDiv } = schedule;
      return oneCycle(schedule.pctStart, [base / div, base, base / finalDiv], step, totalSteps);
    }
    case 'constant':
    case 'plateau':
      return base * warmup(step, schedule.warmupSteps);
    case 'step':
    case 'exponential':
    case 'cosine': {
      const { warmupSteps } = schedule;
      if (step < warmupSteps) return base * warmup(step, warmupSteps);
      return base * decayed(schedule, step - warmupSteps, totalSteps - warmupSteps);
    }
    default:
      return unreachable(schedule);
  }
}

/**
 * The momentum (or Adam's β1) of step `step`, which one-cycle moves against the rate (Smith 1803.09820 §4.3; fastai
 * `fit_one_cycle` moms); null where it is the optimizer's own.
 */
export function momentumAt(schedule: Schedule, step: number, totalSteps: number): number | null {
  if (schedule.kind !== 'one-cycle' || schedule.momentum === null) return null;
  const { high, low } = schedule.momentum;
  return oneCycle(schedule.pctStart, [high, low, high], step, totalSteps);
}

/** The share of the base rate `step` steps after the warm-up, of `totalSteps`. */
function decayed(
  schedule: Extract<Schedule, { kind: 'step' | 'exponential' | 'cosine' }>,
  step: number,
  totalSteps: number,
): number {
  switch (schedule.kind) {
    case 'step': {
      const { everySteps, atSteps, factor } = schedule;
      const regular = everySteps === null ? 0 : Math.floor(step / everySteps);
      return factor ** (regular + atSteps.filter((at) => at <= step).length);
    }
    case 'exponential': {
      const exponent = step / schedule.decaySteps;
      return schedule.decayRate ** (schedule.staircase ? Math.floor(exponent) : exponent);
    }
    case 'cosine':
      return cosine(1, schedule.finalFactor, Math.min(1, step / Math.max(1, totalSteps)));
    default:
      return unreachable(schedule);
  }
}

/** Up and down once in two half cycles; `triangular2` halves the height with each cycle, `exp-range` scales it by γ^step. */
function cyclicalShare(
  { mode, halfCycleSteps, lowShare, gamma }: Extract<Schedule, { kind: 'cyclical' }>,
  step: number,
): number {
  const cycle = Math.floor(1 + step / (2 * halfCycleSteps));
  const distance = Math.abs(step / halfCycleSteps - 2 * cycle + 1);
  const height = { triangular: 1, triangular2: 1 / 2 ** (cycle - 1), 'exp-range': gamma ** step }[mode];
  return lowShare + (1 - lowShare) * Math.max(0, 1 - distance) * height;
}

/** Half a cosine from the first value to the second at `pctStart` of the way, and another to the third at its end. */
function oneCycle(
  pctStart: number,
  [first, second, third]: readonly [number, number, number],
  step: number,
  totalSteps: number,
): number {
  const position = step / Math.max(1, totalSteps - 1);
  if (position < pctStart) return cosine(first, second, position / pctStart);
  return cosine(second, third, Math.min(1, (position - pctStart) / (1 - pctStart)));
}

/** (step + 1)/warmupSteps up to 1: the first step already learns. */
function warmup(step: number, warmupSteps: number): number {
  return step < warmupSteps ? (step + 1) / warmupSteps : 1;
}

/** Half a cosine from `start` to `end` as `position` goes from 0 to 1. */
function cosine(start: number, end: number, position: number): number {
  return start + ((1 - Math.cos(Math.PI * position)) * (end - start)) / 2;
}
