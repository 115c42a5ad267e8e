import { z } from 'zod';

/** How the learning rate moves: `train.schedule` of graft.yaml. Formulas: core/training/schedule.ts. */
const share = z.number().min(0).max(1);
const positiveInt = z.int().positive();
const kind = <const K extends string>(name: K) => z.literal(name).describe('Which one; the other keys belong to it.');
const warmupSteps = z.int().min(0).default(0).describe('Steps of linear warm-up from zero.');

export const WatchedMetric = z.enum(['validation.loss', 'validation.accuracy', 'validation.mAP']);
export type WatchedMetric = z.infer<typeof WatchedMetric>;

export const ScheduleConfig = z.discriminatedUnion('kind', [
  z.strictObject({ kind: kind('constant'), warmupSteps }),
  z.strictObject({
    kind: kind('step'),
    warmupSteps,
    everySteps: positiveInt.nullable().default(null).describe('A decay each time so many steps are done.'),
    atSteps: z.array(positiveInt).default([]).describe('A decay at each of these steps, as in [900000, 1200000].'),
    factor: share.gt(0).default(0.1).describe('What a decay multiplies the rate by.'),
  }),
  z.strictObject({
    kind: kind('exponential'),
    warmupSteps,
    decaySteps: positiveInt.describe('Steps from one decay to the next.'),
    decayRate: share.gt(0).default(0.95).describe('Factor of each decay.'),
    staircase: z.boolean().default(true).describe('Decay in stairs; else a little with each step.'),
  }),
  z.strictObject({
    kind: kind('cosine'),
    warmupSteps,
    finalFactor: share.default(0).describe('Last rate as a share of the highest.'),
  }),
  z.strictObject({
    kind: kind('cyclical'),
    mode: z
      .enum(['triangular', 'triangular2', 'exp-range'])
      .default('triangular')
      .describe('triangular2 halves the height with each cycle, exp-range shrinks it with each step (gamma).'),
    halfCycleSteps: positiveInt.default(2000).describe('Steps from the lowest rate to the highest: 2 to 10 epochs.'),
    lowShare: share.default(0.25).describe('Lowest rate as a share of the highest; a quarter to a third is usual.'),
    gamma: share.gt(0).default(0.99994).describe('Factor a step of exp-range.'),
  }),
  z.strictObject({
    kind: kind('one-cycle'),
    pctStart: share.gt(0).lt(1).default(0.25).describe('Share of the steps in which the rate rises.'),
    div: z.number().gt(1).default(25).describe('Highest rate divided by the first.'),
    finalDiv: z.number().gt(1).default(1e5).describe('Highest rate divided by the last.'),
    momentum: z
      .strictObject({
        high: share.lt(1).default(0.95).describe('Momentum at the first and the last step.'),
        low: share.lt(1).default(0.85).describe('Momentum where the rate is highest.'),
      })
      .nullable()
      .prefault({})
      .describe('Moves the momentum (or Adam’s beta1) against the rate; null leaves it the optimizer’s own.'),
  }),
  z.strictObject({
    kind: kind('plateau'),
    warmupSteps,
    metric: WatchedMetric.default('validation.loss').describe('What must improve.'),
    factor: share.gt(0).lt(1).default(0.1).describe('What the rate is multiplied by when it does not.'),
    patience: positiveInt.default(3).describe('Epochs without improvement before the rate is cut.'),
    minDelta: z.number().min(0).default(1e-4).describe('Smaller changes are no improvement.'),
    cooldown: z.int().min(0).default(0).describe('Epochs of rest after a cut.'),
    minShare: share.default(0).describe('Never below this share of the highest rate.'),
  }),
]);
export type ScheduleConfig = z.infer<typeof ScheduleConfig>;
