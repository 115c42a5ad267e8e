import { unreachable } from '../errors.ts';

/** How the learning rate moves over a run; every form is a function of the step alone, so a resume needs no state. */
export type Schedule =
  | { readonly kind: 'constant'; readonly warmupSteps: number }
  | { readonly kind: 'cosine'; readonly warmupSteps: number; readonly finalFactor: number }
  | { readonly kind: 'one-cycle'; readonly pctStart: number; readonly div: number; readonly finalDiv: number }
  | {
      readonly kind: 'exponential';
      readonly decaySteps: number;
      readonly decayRate: number;
      readonly staircase: boolean;
    };

/** Whether the rate at a step hangs on how many steps there are. */
export function spansTraining({ kind }: Pick<Schedule, 'kind'>): boolean {
  return kind === 'cosine' || kind === 'one-cycle';
}

/**
 * The learning rate of step `step` (0-based) of `totalSteps`, with `base` as the configured rate.
 *
 * - constant, cosine: linear warm-up over `warmupSteps`; cosine falls to `base · finalFactor` (Loshchilov and Hutter,
 *   SGDR 1608.03983 eq. 5 without restarts).
 * - one-cycle: cosine from base/div up to base at `pctStart`, cosine down to base/finalDiv (fastai
 *   `fastai/callback/schedule.py` `fit_one_cycle`, where final = base/div_final).
 * - exponential: base · decayRate^(step/decaySteps), floored to whole powers with `staircase` (tf.train.exponential_decay).
 */
export function learningRateAt(schedule: Schedule, base: number, step: number, totalSteps: number): number {
  switch (schedule.kind) {
    case 'constant':
      return base * warmup(step, schedule.warmupSteps);
    case 'cosine': {
      const { warmupSteps, finalFactor } = schedule;
      if (step < warmupSteps) return base * warmup(step, warmupSteps);
      const position = (step - warmupSteps) / Math.max(1, totalSteps - warmupSteps);
      return base * cosine(1, finalFactor, Math.min(1, position));
    }
    case 'one-cycle': {
      const position = step / Math.max(1, totalSteps - 1);
      const { pctStart, div, finalDiv } = schedule;
      if (position < pctStart) return cosine(base / div, base, position / pctStart);
      return cosine(base, base / finalDiv, Math.min(1, (position - pctStart) / (1 - pctStart)));
    }
    case 'exponential': {
      const exponent = step / schedule.decaySteps;
      return base * schedule.decayRate ** (schedule.staircase ? Math.floor(exponent) : exponent);
    }
    default:
      return unreachable(schedule);
  }
}

/** (step + 1)/warmupSteps up to 1: the first step already learns. */
function warmup(step: number, warmupSteps: number): number {
  return step < warmupSteps ? (step + 1) / warmupSteps : 1;
}

/** Half a cosine from `start` to `end` as `position` goes from 0 to 1. */
function cosine(start: number, end: number, position: number): number {
  return start + ((1 - Math.cos(Math.PI * position)) * (end - start)) / 2;
}
