import { z } from 'zod';
import { positiveInt, share } from './config-fields.ts';
import { LinearConfig } from './linear-config.ts';
import { ScheduleConfig, WatchedMetric } from './schedule-config.ts';
import { BudgetConfig, EarlyStopConfig, NonFiniteConfig, StopWhenConfig } from './stopping-config.ts';

/** `train` of graft.yaml. */
const learningRate = (value: number) =>
  z.number().positive().max(100).default(value).describe('The schedule’s highest rate.');
const kind = <const K extends string>(name: K) => z.literal(name).describe('Which one; the other keys belong to it.');
const momentumShare = share.lt(1).describe('How much of the last update is kept.');
const sgd = z.strictObject({ kind: kind('sgd'), learningRate: learningRate(0.01) });
const momentum = z.strictObject({
  kind: kind('momentum'),
  learningRate: learningRate(0.01),
  momentum: momentumShare.default(0.9),
  nesterov: z.boolean().default(false).describe('Look ahead along the momentum.'),
});
const adam = z.strictObject({
  kind: kind('adam'),
  learningRate: learningRate(1e-3),
  beta1: share.lt(1).default(0.9).describe('Decay of the mean of gradients.'),
  beta2: share.lt(1).default(0.999).describe('Decay of the mean of squared gradients.'),
  epsilon: z.number().positive().default(1e-7).describe('Keeps the divisor from zero.'),
  weightDecay: z.number().min(0).default(0).describe('Decoupled weight decay (AdamW) of kernels.'),
});
const rmsprop = z.strictObject({
  kind: kind('rmsprop'),
  learningRate: learningRate(1e-3),
  decay: share.lt(1).default(0.9).describe('Decay of the mean of squared gradients.'),
  momentum: momentumShare.default(0),
  epsilon: z.number().positive().default(1e-7).describe('Keeps the divisor from zero.'),
  initialSquare: z
    .union([z.literal(0), z.literal(1)])
    .default(0)
    .describe('TF1 starts the slot at one, tfjs at zero.'),
});
export const OptimizerConfig = z.discriminatedUnion('kind', [sgd, momentum, adam, rmsprop]);
export type OptimizerConfig = z.infer<typeof OptimizerConfig>;

export const CheckpointConfig = z.strictObject({
  everySteps: positiveInt.default(50).describe('At most this many steps are done again after a crash.'),
  everySeconds: z.number().positive().nullable().default(60).describe('Also by the clock, whichever comes first.'),
  keepLast: positiveInt.default(3).describe('How many of the newest checkpoints are kept.'),
  keepBest: z.boolean().default(true).describe('Keep the best epoch’s as well.'),
});
export type CheckpointConfig = z.infer<typeof CheckpointConfig>;

/** How the output of a frozen trunk is stored (docs/frozen-features.md). */
export const FeatureType = z.enum(['float16', 'float32']);
export type FeatureType = z.infer<typeof FeatureType>;

export const GradualConfig = z.strictObject({
  frozenEpochs: positiveInt.max(1000).default(1).describe('Epochs of train.epochs in which only the new layers learn.'),
  spread: z.number().min(1).max(1e6).default(100).describe('The head’s rate through that of the first layers.'),
  pctStart: share.gt(0).lt(1).default(0.3).describe('Share of the later steps in which the rate rises.'),
  div: z.number().gt(1).default(5).describe('Highest rate divided by the first, when all learns.'),
});
export type GradualConfig = z.infer<typeof GradualConfig>;

export const TrainConfig = z.strictObject({
  epochs: positiveInt.max(1_000_000).default(5).describe('Passes over the training images.'),
  batchSize: positiveInt.max(4096).default(32).describe('Images in a step.'),
  seed: z
    .int()
    .min(0)
    .default(1)
    .describe('Of order, augmentation, dropout and new weights: the same seed, the same bits.'),
  optimizer: OptimizerConfig.prefault({ kind: 'adam' }).describe('How gradients become updates.'),
  schedule: ScheduleConfig.prefault({ kind: 'constant' }).describe('The learning rate over the steps.'),
  scheduleEpochs: positiveInt
    .max(1_000_000)
    .nullable()
    .default(null)
    .describe('Epochs that the schedule spans, after which the rate stays as it is; null for train.epochs.'),
  backboneRate: z
    .number()
    .positive()
    .max(1)
    .default(1)
    .describe('Learning rate of the backbone’s layers as a share of the head’s (discriminative rates).'),
  gradual: GradualConfig.prefault({}).describe('Of strategy gradual, which has its own schedule (fastai’s fine_tune).'),
  labelSmoothing: share.lt(1).default(0).describe('Share of the target spread over all classes.'),
  clipNorm: z.number().positive().nullable().default(null).describe('Clip the gradients’ global norm.'),
  averageDecay: share
    .lt(1)
    .nullable()
    .default(null)
    .describe('Keep a moving average of the weights (0.999 of the old each step) and use it; null for none.'),
  bestMetric: WatchedMetric.default('validation.loss').describe('Which epoch’s weights are kept at the end.'),
  checkpoint: CheckpointConfig.prefault({}).describe('How much a crash may cost.'),
  earlyStop: EarlyStopConfig.nullable().default(null).describe('Stop when it gets no better; null never does.'),
  stopWhen: StopWhenConfig.prefault({}).describe('Stop when it is good enough, and stays so.'),
  onNonFinite: NonFiniteConfig.prefault({ kind: 'fail' }).describe('What a loss that is no number leads to.'),
  linear: LinearConfig.prefault({}).describe('How linear-probe and svm are solved; they have no epochs and no rate.'),
  budget: BudgetConfig.nullable()
    .default(null)
    .describe('Stop, with a checkpoint and the best epoch so far, when so much is spent.'),
  featureType: FeatureType.default('float16').describe(
    'How a frozen trunk’s output is stored: float16 takes half the space, float32 keeps every bit.',
  ),
  threads: positiveInt
    .max(256)
    .nullable()
    .default(null)
    .describe(
      'TensorFlow’s threads; part of what exact resume means. Where absent the machine’s cores, or one for a small head on codes.',
    ),
  memoryLimitMb: positiveInt
    .nullable()
    .default(null)
    .describe('Above it the trainer is recycled at its next checkpoint.'),
});
export type TrainConfig = z.infer<typeof TrainConfig>;
