import { backboneNames } from '../core/backbone-facts.ts';
import { z } from 'zod';
import { AugmentConfig } from './augment-config.ts';
import { DataChecksConfig } from './data-checks-config.ts';
import { DatasetFormat } from './dataset-formats.ts';
import { NotifyConfig } from './notify-config.ts';
import { GateConfig } from './gate-config.ts';
import { ScheduleConfig, WatchedMetric } from './schedule-config.ts';
import { LinearConfig } from './linear-config.ts';
import { BudgetConfig, EarlyStopConfig, NonFiniteConfig, StopWhenConfig } from './stopping-config.ts';

export { AugmentConfig } from './augment-config.ts';
export { GateConfig, GatedMetric } from './gate-config.ts';
export { ScheduleConfig, WatchedMetric } from './schedule-config.ts';
export { EarlyStopConfig } from './stopping-config.ts';

/**
 * graft.yaml: what a person writes, with every default. Strict: an unknown key is an error (CONFIG_KEY), never ignored.
 * The type and its schema share one name.
 */
const slug = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'lower-case letters, digits and inner dashes, at most 63 characters');
const share = z.number().min(0).max(1);
const positiveInt = z.int().positive();

export const SplitConfig = z.strictObject({
  test: share
    .gt(0)
    .lt(0.9)
    .default(0.2)
    .describe('Share of the items held out for the final test; 0.15 to 0.2 is usual.'),
  validation: share
    .gt(0)
    .lt(0.9)
    .default(0.1)
    .describe('Share of the items that decides early stop and the best epoch.'),
  stratify: z.boolean().default(true).describe('Keep the shares within every class.'),
  groupBy: z
    .string()
    .nullable()
    .default(null)
    .describe(
      'Regular expression over the relative path whose first group names what must stay on one side (patient, video).',
    ),
  given: z
    .enum(['respect', 'ignore'])
    .default('respect')
    .describe('Sides that the data set comes with: take validation and test as they are given, or deal anew.'),
  folds: z
    .strictObject({
      count: z.int().min(2).max(20).describe('Folds of what is not held out for the test.'),
      index: z.int().min(0).describe('The fold that validates, from 0; one run for each.'),
    })
    .nullable()
    .default(null)
    .describe(
      'k-fold cross-validation: every fold validates once, in a run of its own; null for one fixed validation side.',
    ),
  seed: z.int().min(0).default(1).describe('Another seed is another split.'),
});
export type SplitConfig = z.infer<typeof SplitConfig>;

export const DatasetConfig = z.strictObject({
  source: z
    .string()
    .min(1)
    .describe(
      'A folder, a table, or an archive of them (zip, tar, tar.gz): a path relative to graft.yaml, s3://bucket/prefix, or https://….',
    ),
  format: z
    .enum(['auto', ...DatasetFormat.options])
    .default('auto')
    .describe('How pictures and annotations lie there (docs/data-formats.md); auto tells it from the files.'),
  name: slug.optional().describe('Name of the data set in storage; the pipeline’s name where absent.'),
  split: SplitConfig.prefault({}),
  outsideBoxes: z
    .enum(['quarantine', 'clip'])
    .default('quarantine')
    .describe(
      'Boxes that reach more than a pixel beyond their picture: leave the picture out, or cut them at its edge.',
    ),
  window: z
    .strictObject({
      center: z.number().describe('The stored value that becomes middle gray.'),
      width: z.number().min(1).describe('How many stored values lie between black and white.'),
    })
    .nullable()
    .default(null)
    .describe('How DICOM and 16-bit gray PNG are shown; null: as the DICOM file says, PNG by its upper eight bits.'),
  checks: DataChecksConfig.prefault({}).describe('What happens where validation finds something.'),
  workers: positiveInt
    .max(16)
    .default(1)
    .describe(
      'Data workers that read and render at once, each a share of the partitions; more than one pays on several machines.',
    ),
  maxQuarantined: share.default(0.05).describe('Share of unreadable items above which the run fails.'),
});
export type DatasetConfig = z.infer<typeof DatasetConfig>;

export const ImageConfig = z.strictObject({
  size: z
    .tuple([z.int().min(8).max(4096), z.int().min(8).max(4096)])
    .optional()
    .describe('[height, width] in pixels, the same for every image; the backbone’s own size where absent.'),
  resize: z
    .enum(['stretch', 'pad', 'crop'])
    .default('stretch')
    .describe('stretch changes the aspect ratio, pad adds black borders, crop cuts the centre.'),
  color: z.enum(['rgb', 'gray']).default('rgb').describe('gray: one channel, repeated for the backbone’s three.'),
  normalization: z
    .string()
    .default('auto')
    .describe('auto takes what the backbone was trained with; any other name must equal it (NORMALIZATION_MISMATCH).'),
});
export type ImageConfig = z.infer<typeof ImageConfig>;

export const BackboneId = z.enum(backboneNames);
export type BackboneId = z.infer<typeof BackboneId>;

export const Strategy = z.enum(['linear-probe', 'svm', 'head', 'last-n', 'full', 'scratch']);
export type Strategy = z.infer<typeof Strategy>;

export const ModelConfig = z.strictObject({
  backbone: BackboneId.default('efficientnet-lite0').describe('The pretrained trunk.'),
  weights: z
    .string()
    .default('imagenet')
    .describe(
      'imagenet, random, or weights of your own (relative to graft.yaml): .safetensors, .pth, .h5, .keras, a SavedModel, a checkpoint or a tfjs model.',
    ),
  strategy: Strategy.default('head').describe(
    'linear-probe, svm: a linear classifier, solved exactly; head: the new layers; last-n: also the last blocks; full; scratch.',
  ),
  lastN: positiveInt.default(2).describe('How many blocks of the backbone last-n trains.'),
  cut: z
    .string()
    .min(1)
    .nullable()
    .default(null)
    .describe(
      'Last part of the backbone that is used, as in blocks.9; all of it where absent (linear-probe, svm, head).',
    ),
  dropout: share.lt(1).default(0).describe('Dropout before the last dense layer.'),
});
export type ModelConfig = z.infer<typeof ModelConfig>;

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
    .describe('TensorFlow’s threads; part of what exact resume means. The machine’s cores where absent.'),
  memoryLimitMb: positiveInt
    .nullable()
    .default(null)
    .describe('Above it the trainer is recycled at its next checkpoint.'),
});
export type TrainConfig = z.infer<typeof TrainConfig>;

export const PromoteConfig = z.strictObject({
  model: slug.optional().describe('Name in the registry; the pipeline’s name where absent.'),
  alias: slug.default('champion').describe('The name that moves to the new version.'),
  gate: GateConfig.prefault({}),
  approval: z.enum(['automatic']).default('automatic').describe('automatic: the gate alone decides.'),
});
export type PromoteConfig = z.infer<typeof PromoteConfig>;

export const PipelineConfig = z.strictObject({
  name: slug.describe('Names the runs, and the data set and the model where these have no name of their own.'),
  task: z.enum(['classification']).default('classification').describe('What is learnt.'),
  dataset: DatasetConfig.describe('The labelled pictures.'),
  image: ImageConfig.prefault({}),
  augment: AugmentConfig.prefault({}),
  model: ModelConfig.prefault({}),
  train: TrainConfig.prefault({}),
  promote: PromoteConfig.prefault({}),
  notify: NotifyConfig,
});
export type PipelineConfig = z.infer<typeof PipelineConfig>;
