import { z } from 'zod';
import { ExportFormat, ExportPrecision, ExportReport } from './export.ts';
import { EpochMetrics, Finding, ModelDescription, Sha256Field, StopReason, TrainEnvironment } from './manifests.ts';
import { MeasureResult, ProbeJob, ProbeResult } from './measure-jobs.ts';
import { AugmentConfig, FeatureType, TrainConfig } from './pipeline-config.ts';
import { TrainCounters } from './run.ts';

/**
 * What the worker and its ML child process say to each other. The child decodes nothing foreign, has no storage keys
 * and sees local files only: the worker fetches inputs before and uploads outputs after (architecture §2.3).
 */
export const LocalShard = z.object({ path: z.string(), rows: z.int().positive() });
export type LocalShard = z.infer<typeof LocalShard>;

export const LocalSide = z.object({ rows: z.int().min(0), shards: z.array(LocalShard) });
export type LocalSide = z.infer<typeof LocalSide>;

/** What the file of weights is of: a backbone, or a whole model of graft's with its head. A backbone where absent. */
const WeightsHold = z.enum(['backbone', 'model']).optional();

export const TrainJob = z.object({
  kind: z.literal('train'),
  /** Scratch folder of this run: checkpoints, metrics.jsonl, the step that was reached. */
  workDir: z.string(),
  model: ModelDescription,
  lastN: z.int().positive(),
  /** A safetensors file of backbone weights; null for a random start. */
  weightsPath: z.string().nullable(),
  weightsHold: WeightsHold,
  /**
   * What the sides hold: pixels, or what the frozen prefix made of them. Then `train` has the shards of all variants one
   * after the other, `rows` are those of one, and epoch e reads variant e mod `variants`.
   */
  reads: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('pixels') }),
    z.object({ kind: z.literal('codes'), variants: z.int().positive() }),
  ]),
  train: LocalSide,
  validation: LocalSide,
  config: TrainConfig,
  augment: AugmentConfig,
  dataOrderSha256: Sha256Field,
  resume: z.object({ path: z.string(), sha256: Sha256Field, counters: TrainCounters }).nullable(),
  /** Pause after this epoch, with a checkpoint; the whole training where absent. */
  untilEpoch: z.int().positive().optional(),
});
export type TrainJob = z.infer<typeof TrainJob>;

/** A training's first steps at rates that grow from one to the next; nothing of it is kept (core/training/lr-finder.ts). */
export const RangeTestJob = z.object({
  kind: z.literal('range-test'),
  train: TrainJob,
  test: z.object({ startRate: z.number(), endRate: z.number(), iterations: z.int().positive() }),
});
export type RangeTestJob = z.infer<typeof RangeTestJob>;

/** A few steps of a training, with the clock running; nothing of it is kept. The sides are pixels, whatever it would read. */
export const MeasureJob = z.object({
  kind: z.literal('measure'),
  train: TrainJob,
  /** Whether the frozen prefix's output is kept, so that steps begin behind it. */
  keepsCodes: z.boolean(),
  steps: z.int().positive(),
});
export type MeasureJob = z.infer<typeof MeasureJob>;

/** Images of a side that go through the frozen prefix, shard by shard (core/training/frozen-prefix.ts). */
export const FeaturesPass = z.object({
  side: LocalSide,
  /** Which shards are wanted. */
  shards: z.array(z.int().min(0)),
  /** The epoch at whose address augmentation is drawn; null for images as they are. */
  variant: z.int().min(0).nullable(),
  /** Where shards lie: finished ones of an attempt that was killed are found again. */
  outputDir: z.string(),
});
export type FeaturesPass = z.infer<typeof FeaturesPass>;

/** Computes what the frozen prefix makes of images. */
export const FeaturesJob = z.object({
  kind: z.literal('features'),
  model: ModelDescription,
  lastN: z.int().positive(),
  weightsPath: z.string().nullable(),
  weightsHold: WeightsHold,
  seed: z.int().min(0),
  augment: AugmentConfig,
  type: FeatureType,
  passes: z.array(FeaturesPass).min(1),
});
export type FeaturesJob = z.infer<typeof FeaturesJob>;

/** A file of codes that lies whole on the local disk. */
export const StagedShard = z.object({
  /** Which pass of the job, and which of its shards. */
  pass: z.int().min(0),
  index: z.int().min(0),
  path: z.string(),
  rows: z.int().positive(),
  sha256: Sha256Field,
  sizeBytes: z.int(),
  /** What computing it took; null where it was found. */
  seconds: z.number().min(0).nullable(),
});
export type StagedShard = z.infer<typeof StagedShard>;

export const EvaluateJob = z.object({
  kind: z.literal('evaluate'),
  model: ModelDescription,
  weightsPath: z.string(),
  side: LocalSide,
  batchSize: z.int().positive(),
  /** Where the logits go: safetensors `logits` float32 [rows, classes], `labels` int32 [rows]. */
  outputPath: z.string(),
});
export type EvaluateJob = z.infer<typeof EvaluateJob>;

/** Scores images that are already rendered to the model's input: safetensors `images` uint8 [rows, h, w, c]. */
export const PredictJob = z.object({
  kind: z.literal('predict'),
  model: ModelDescription,
  weightsPath: z.string(),
  imagesPath: z.string(),
  batchSize: z.int().positive(),
});
export type PredictJob = z.infer<typeof PredictJob>;

/** Writes a model for use elsewhere and compares it with the original on real pictures. */
export const ExportJob = z.object({
  kind: z.literal('export'),
  model: ModelDescription,
  /** The number of the model's version: TensorFlow Serving's folder. */
  version: z.int().positive(),
  weightsPath: z.string(),
  format: ExportFormat,
  precision: ExportPrecision,
  /** An empty folder. */
  outputDir: z.string(),
  /** Rendered pictures; labels below 0 are unknown. */
  side: LocalSide,
  /** Files of some of them, by row. */
  pictures: z.array(
    z.object({
      path: z.string(),
      row: z.int().min(0),
      widthPx: z.int().positive(),
      heightPx: z.int().positive(),
    }),
  ),
});
export type ExportJob = z.infer<typeof ExportJob>;

/** Keeps a model loaded and scores batches until it is stopped. */
export const ServeJob = z.object({
  kind: z.literal('serve'),
  model: ModelDescription,
  weightsPath: z.string(),
  /** Sizes that a graph is made for, ascending; a batch is padded to the next one. */
  batchSizes: z.array(z.int().positive()).min(1),
});
export type ServeJob = z.infer<typeof ServeJob>;

export const MlJob = z.discriminatedUnion('kind', [
  FeaturesJob,
  TrainJob,
  RangeTestJob,
  ProbeJob,
  MeasureJob,
  EvaluateJob,
  PredictJob,
  ExportJob,
  ServeJob,
]);
export type MlJob = z.infer<typeof MlJob>;

/** A checkpoint that lies complete on the local disk, ready to be uploaded. */
export const StagedCheckpoint = z.object({
  path: z.string(),
  sha256: Sha256Field,
  sizeBytes: z.int(),
  counters: TrainCounters,
  isBest: z.boolean(),
});
export type StagedCheckpoint = z.infer<typeof StagedCheckpoint>;

export const TrainResult = z.object({
  weightsPath: z.string(),
  weightsSha256: Sha256Field,
  sizeBytes: z.int(),
  steps: z.int(),
  epochs: z.int(),
  bestEpoch: z.int(),
  stoppedEarly: z.boolean(),
  best: EpochMetrics,
  last: EpochMetrics,
  trainableParameters: z.int(),
  totalParameters: z.int(),
  stopReason: StopReason.optional(),
  findings: z.array(Finding),
});
export type TrainResult = z.infer<typeof TrainResult>;

/** What a model says of images, row by row. */
const RowAnswers = {
  /** None of a detector. */
  probabilities: z.array(z.array(z.number())),
  /** Of a detector, for each image: [ymin, xmin, ymax, xmax] in shares of the frame, surest first. */
  detections: z
    .array(
      z.array(
        z.object({
          label: z.int(),
          score: z.number(),
          box: z.tuple([z.number(), z.number(), z.number(), z.number()]),
        }),
      ),
    )
    .optional(),
};

/** Child → worker. */
export const MlEvent = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('ready'), environment: TrainEnvironment }),
  z.object({ kind: z.literal('features'), done: z.int(), total: z.int() }),
  z.object({ kind: z.literal('shard'), staged: StagedShard }),
  z.object({ kind: z.literal('extracted') }),
  z.object({
    kind: z.literal('step'),
    step: z.int(),
    totalSteps: z.int(),
    epoch: z.int(),
    loss: z.number(),
    imagesPerSecond: z.number(),
    residentMb: z.number(),
    tensors: z.int(),
  }),
  z.object({ kind: z.literal('epoch'), metrics: EpochMetrics }),
  z.object({ kind: z.literal('checkpoint'), staged: StagedCheckpoint }),
  /** Stopped on request, its last checkpoint staged; or recycled because of its memory. */
  z.object({ kind: z.literal('stopped'), step: z.int(), reason: z.enum(['requested', 'memory']) }),
  z.object({ kind: z.literal('trained'), result: TrainResult }),
  /** Smoothed losses by rate, as far as they were numbers. */
  z.object({
    kind: z.literal('range-tested'),
    curve: z.array(z.object({ rate: z.number(), loss: z.number() })),
  }),
  z.object({ kind: z.literal('probed'), probe: ProbeResult }),
  z.object({ kind: z.literal('measured'), measured: MeasureResult }),
  z.object({ kind: z.literal('evaluated'), rows: z.int() }),
  z.object({
    kind: z.literal('predicted'),
    ...RowAnswers,
    /** What each batch took, in order; the first ones also warm up. */
    batchMs: z.array(z.number()).optional(),
  }),
  z.object({ kind: z.literal('exported'), report: ExportReport }),
  /** A served model is in memory, and every graph of it has run once. */
  z.object({ kind: z.literal('loaded') }),
  z.object({ kind: z.literal('scored'), id: z.int(), ...RowAnswers }),
  z.object({ kind: z.literal('served'), batches: z.int() }),
  z.object({
    kind: z.literal('failed'),
    code: z.string(),
    errorKind: z.enum(['input', 'transient', 'failed', 'cancelled']),
    where: z.string(),
    seen: z.string(),
    expected: z.string().optional(),
    remedy: z.string().optional(),
    stack: z.string().optional(),
  }),
]);
export type MlEvent = z.infer<typeof MlEvent>;

/** Rendered pixels in a file, rows back to back, for a served model. */
export const ScoreBatch = z.object({
  kind: z.literal('score'),
  id: z.int(),
  path: z.string(),
  rows: z.int().positive(),
});
export type ScoreBatch = z.infer<typeof ScoreBatch>;

/** Threads, and in how many parts a batch goes through a program, each on one of them (ml/engine/split-batch.ts). */
const Parallelism = { threads: z.int().positive(), parts: z.int().positive() };

/** Worker → child. `stop` asks for a checkpoint at the next step boundary, then an orderly exit. */
export const MlCommand = z.discriminatedUnion('kind', [
  // What the next job will need is loaded before there is one.
  z.object({ kind: z.literal('warm'), ...Parallelism }),
  z.object({ kind: z.literal('run'), job: MlJob, ...Parallelism }),
  z.object({ kind: z.literal('stop') }),
  ScoreBatch,
]);
export type MlCommand = z.infer<typeof MlCommand>;
