import { z } from 'zod';
import { EpochMetrics, ModelDescription, Sha256Field, TrainEnvironment } from './manifests.ts';
import { AugmentConfig, TrainConfig } from './pipeline-config.ts';
import { TrainCounters } from './run.ts';

/**
 * What the worker and its ML child process say to each other. The child decodes nothing foreign, has no storage keys
 * and sees local files only: the worker fetches inputs before and uploads outputs after (architecture §2.3).
 */
export const LocalShard = z.object({ path: z.string(), rows: z.int().positive() });
export type LocalShard = z.infer<typeof LocalShard>;

export const LocalSide = z.object({ rows: z.int().min(0), shards: z.array(LocalShard) });
export type LocalSide = z.infer<typeof LocalSide>;

export const TrainJob = z.object({
  kind: z.literal('train'),
  /** Scratch folder of this run: checkpoints, metrics.jsonl, the step that was reached. */
  workDir: z.string(),
  /** Folder of this prefix's frozen features, shared by runs. */
  featureDir: z.string(),
  model: ModelDescription,
  lastN: z.int().positive(),
  /** A safetensors file of backbone weights; null for a random start. */
  weightsPath: z.string().nullable(),
  train: z.object({ rows: z.int(), shards: z.array(LocalShard) }),
  validation: z.object({ rows: z.int(), shards: z.array(LocalShard) }),
  config: TrainConfig,
  augment: AugmentConfig,
  dataOrderSha256: Sha256Field,
  resume: z.object({ path: z.string(), sha256: Sha256Field, counters: TrainCounters }).nullable(),
});
export type TrainJob = z.infer<typeof TrainJob>;

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

export const MlJob = z.discriminatedUnion('kind', [TrainJob, EvaluateJob, PredictJob]);
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
});
export type TrainResult = z.infer<typeof TrainResult>;

/** Child → worker. */
export const MlEvent = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('ready'), environment: TrainEnvironment }),
  z.object({ kind: z.literal('features'), done: z.int(), total: z.int() }),
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
  z.object({ kind: z.literal('evaluated'), rows: z.int() }),
  z.object({ kind: z.literal('predicted'), probabilities: z.array(z.array(z.number())) }),
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

/** Worker → child. `stop` asks for a checkpoint at the next step boundary, then an orderly exit. */
export const MlCommand = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('run'), job: MlJob, threads: z.int().positive() }),
  z.object({ kind: z.literal('stop') }),
]);
export type MlCommand = z.infer<typeof MlCommand>;
