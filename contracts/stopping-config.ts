import { z } from 'zod';
import { WatchedMetric } from './schedule-config.ts';

/** When a training ends, and what it does when it breaks: keys of `train` in graft.yaml. */
const positiveInt = z.int().positive();

export const EarlyStopConfig = z.strictObject({
  metric: WatchedMetric.default('validation.loss').describe('What must improve.'),
  patience: positiveInt.default(3).describe('Epochs without improvement before the run stops.'),
  minDelta: z.number().min(0).default(0).describe('Smaller changes are no improvement.'),
  smooth: positiveInt
    .max(99)
    .default(1)
    .describe('Judge the median of the last so many epochs: one lucky or unlucky epoch then decides nothing.'),
  minEpochs: z.int().min(0).default(0).describe('Epochs before it begins to watch.'),
});
export type EarlyStopConfig = z.infer<typeof EarlyStopConfig>;

const below = (what: string) =>
  z
    .strictObject({
      below: z.number().describe('Stop once it is lower than this.'),
      for: positiveInt.default(1).describe(`So many ${what} in a row.`),
    })
    .optional();

/** `{loss: {below: 0.05, for: 500}}`: good enough, and consistently so. The first rule that holds ends the training. */
export const StopWhenConfig = z.strictObject({
  loss: below('steps').describe('The training loss of a step.'),
  'validation.loss': below('epochs').describe('The validation loss.'),
  'validation.accuracy': z
    .strictObject({
      above: z.number().describe('Stop once it is higher than this.'),
      for: positiveInt.default(1).describe('So many epochs in a row.'),
    })
    .optional()
    .describe('The validation accuracy.'),
});
export type StopWhenConfig = z.infer<typeof StopWhenConfig>;

export const NonFiniteConfig = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('fail').describe('The run fails and names the batch.') }),
  z.strictObject({
    kind: z.literal('rollback').describe('Back to the best epoch’s weights, and on at a lower rate.'),
    factor: z.number().gt(0).lt(1).default(0.5).describe('What the learning rate is multiplied by.'),
    atMost: positiveInt.max(20).default(3).describe('The run fails when it happens more often.'),
  }),
]);
export type NonFiniteConfig = z.infer<typeof NonFiniteConfig>;

export const BudgetConfig = z.strictObject({
  hours: z.number().positive().nullable().default(null).describe('Hours of training, over all attempts.'),
  cost: z.number().positive().nullable().default(null).describe('Money, at pricePerHour.'),
  pricePerHour: z
    .number()
    .positive()
    .nullable()
    .default(null)
    .describe('What the machine costs an hour, in any currency; graft plan uses it as well.'),
});
export type BudgetConfig = z.infer<typeof BudgetConfig>;
