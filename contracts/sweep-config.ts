import { z } from 'zod';
import { sweepMetrics } from '../core/search/metrics.ts';

/** A sweep file: what a person writes. Strict, as graft.yaml is. */
const value = z.json();
const positiveInt = z.int().positive();

const ParameterConfig = z
  .strictObject({
    choice: z.array(value).min(1).max(1000).optional().describe('Any of these values.'),
    uniform: z.tuple([z.number(), z.number()]).optional().describe('A number from low to high.'),
    log: z
      .tuple([z.number().positive(), z.number().positive()])
      .optional()
      .describe('The same, even in the logarithm.'),
    int: z.tuple([z.int(), z.int()]).optional().describe('A whole number from low to high, both included.'),
    logInt: z.tuple([positiveInt, positiveInt]).optional().describe('The same, even in the logarithm.'),
    step: z.number().positive().optional().describe('Only values so far apart, from low on.'),
    points: positiveInt.max(1000).optional().describe('How many values a grid takes of it.'),
    when: z
      .record(z.string(), z.union([z.array(value).min(1), value]))
      .optional()
      .describe('There only where other parameters have these values.'),
  })
  .refine(
    (each) => ['choice', 'uniform', 'log', 'int', 'logInt'].filter((form) => form in each).length === 1,
    'exactly one of choice, uniform, log, int, logInt',
  );
export type ParameterConfig = z.infer<typeof ParameterConfig>;

const names = z.array(z.string()).min(1);
const ConstraintConfig = z.union([
  z.strictObject({ forbid: z.record(z.string(), z.union([z.array(value).min(1), value])) }),
  z.strictObject({ sum: z.union([names, z.record(z.string(), z.number())]), atMost: z.number() }),
  z.strictObject({ product: z.union([names, z.record(z.string(), z.number())]), atMost: z.number() }),
  z.strictObject({ ordered: z.array(z.string()).min(2) }),
]);
export type ConstraintConfig = z.infer<typeof ConstraintConfig>;

/** From the sweep file and from `graft sweeps space`. */
export const SpaceConfig = z.record(z.string(), ParameterConfig);
export type SpaceConfig = z.infer<typeof SpaceConfig>;

const goal = z.enum(['minimize', 'maximize']);
export const ObjectiveConfig = z.strictObject({ metric: z.enum(sweepMetrics), goal });

export const SearchConfig = z.strictObject({
  kind: z
    .enum(['grid', 'random', 'sobol', 'tpe', 'asha', 'hyperband', 'median', 'pbt'])
    .default('asha')
    .describe('How settings are searched for: docs/sweeps.md.'),
  trials: positiveInt
    .max(2000)
    .optional()
    .describe('How many trials; 16 where absent, one round for hyperband, all for grid.'),
  metric: z.enum(sweepMetrics).default('validation.accuracy').describe('What a trial is judged by.'),
  goal: goal.optional().describe('maximize for accuracies, minimize for the rest, where absent.'),
  also: z.array(ObjectiveConfig).max(3).default([]).describe('More objectives: the result is a Pareto front.'),
  seed: z.int().min(0).default(1).describe('The same seed, the same decisions.'),
  sampler: z
    .enum(['random', 'sobol', 'tpe', 'grid'])
    .default('random')
    .describe('Where asha, hyperband and median take new trials from.'),
  eta: z.int().min(2).max(10).default(3).describe('asha, hyperband: one in so many goes on.'),
  grace: positiveInt.default(1).describe('Epochs before a trial may be given up.'),
  every: positiveInt.default(1).describe('median, pbt: epochs between two looks.'),
  startup: positiveInt.default(10).describe('tpe, median: results before it decides anything.'),
  population: z.int().min(2).max(200).default(8).describe('pbt: how many train side by side.'),
  quantile: z.number().gt(0).max(0.5).default(0.25).describe('pbt: the share that is replaced, and that is copied.'),
});
export type SearchConfig = z.infer<typeof SearchConfig>;

export const SweepStopConfig = z.strictObject({
  target: z.number().nullable().default(null).describe('Ends when the metric reaches it.'),
  patience: positiveInt.nullable().default(null).describe('Ends after so many results in a row without progress.'),
  minDelta: z.number().min(0).default(0).describe('Smaller changes are no progress.'),
  epochs: positiveInt.nullable().default(null).describe('Epochs of all trials together.'),
  hours: z.number().positive().nullable().default(null).describe('Time since the sweep began.'),
  cost: z
    .strictObject({ perHour: z.number().positive(), atMost: z.number().positive() })
    .nullable()
    .default(null)
    .describe('Money: hours of training at a price.'),
});

export const SweepConfig = z.strictObject({
  base: z.string().min(1).describe('The pipeline file that is varied; relative to this file.'),
  name: z
    .string()
    .regex(/^[a-z0-9]([a-z0-9-]{0,40}[a-z0-9])?$/, 'lower-case letters, digits and inner dashes, at most 42 characters')
    .optional()
    .describe('Names the sweep and its trials’ runs; the base’s name where absent.'),
  preset: z
    .enum(['strategies'])
    .optional()
    .describe('strategies: which backbone, which cut, which rate; keys of `space` go before its own.'),
  space: SpaceConfig.default({}).describe('Keys of the pipeline file, and what each may be.'),
  constraints: z.array(ConstraintConfig).max(100).default([]).describe('What a trial must keep to.'),
  first: z.array(z.record(z.string(), value)).max(100).default([]).describe('Trials that are tried first.'),
  search: SearchConfig.prefault({}),
  concurrency: positiveInt.max(256).default(1).describe('Trials at once.'),
  decisions: z
    .enum(['in-order', 'as-they-come'])
    .default('in-order')
    .describe('in-order: results count in the order of their decision, so that a sweep can be repeated exactly.'),
  retries: z
    .int()
    .min(0)
    .max(20)
    .default(1)
    .describe('How often a trial that failed for a passing reason is tried again.'),
  failuresAtMost: z
    .number()
    .min(0)
    .max(1)
    .default(0.5)
    .describe('Share of failed trials above which the sweep is given up.'),
  stop: SweepStopConfig.prefault({}),
  promote: z.boolean().default(true).describe('Take the best trial to the gate.'),
});
export type SweepConfig = z.infer<typeof SweepConfig>;
