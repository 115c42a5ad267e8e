import { z } from 'zod';
import { Settled } from './auto-config.ts';
import { RunEstimate, RunEstimateKept } from './estimate.ts';
import { ApprovalVerdict, ApprovalWait } from './approval.ts';
import { TrainingLeg } from './leg.ts';
import { RemadeBecause } from './stage-name.ts';
import {
  BlobRef,
  EpochMetrics,
  Finding,
  GateRule,
  RunIdField,
  Sha256Field,
  StageName,
  StopReason,
} from './manifests.ts';
import { GatedMetric, PipelineConfig } from './pipeline-config.ts';
import { RetrainingPlan } from './retraining.ts';

const RunDataset = z.object({
  name: z.string(),
  version: z.string(),
  images: z.int(),
  quarantined: z.int(),
  classes: z.array(z.string()),
});

/** The data of a sweep: all its trials learn from the same pictures, whatever becomes of the source meanwhile. */
export const PinnedData = z.object({
  datasetName: z.string(),
  datasetManifestKey: z.string(),
  splitManifestKey: z.string(),
  dataset: RunDataset,
  /** What the trials begin with and learn from; absent where the pipeline says nothing of it. */
  plan: RetrainingPlan.optional(),
});
export type PinnedData = z.infer<typeof PinnedData>;

/** What starts a run. Small: references and numbers only, never secrets or images (architecture §2.1). */
export const RetrainInput = z.object({
  runId: RunIdField,
  config: PipelineConfig,
  requestedBy: z.string(),
  /** A part of the training; the whole where absent. */
  leg: TrainingLeg.optional(),
  /** Data that were read already; the source is read where absent. */
  data: PinnedData.optional(),
  /** A trial of this sweep: it ends with its training, as nothing but the best one sees the test set and the gate. */
  trialOf: RunIdField.optional(),
  /** It ends with the gate's decision: nothing is registered and no alias moves. */
  gateOnly: z.boolean().optional(),
  /** What graft plan expected of it. */
  estimate: RunEstimate.optional(),
});
export type RetrainInput = z.infer<typeof RetrainInput>;

/** One finished stage, as the workflow and `graft run --json` show it. */
export const StageSummary = z.object({
  name: StageName,
  cached: z.boolean(),
  seconds: z.number(),
  /** One line for people: "1,250 images in 10 classes". */
  summary: z.string(),
  /** Its manifest, and why it was made again; absent in what an older graft reported. */
  manifestKey: z.string().optional(),
  remade: RemadeBecause.optional(),
});
export type StageSummary = z.infer<typeof StageSummary>;

export const TrainingPhase = z.enum(['starting', 'features', 'training', 'finishing']);
export type TrainingPhase = z.infer<typeof TrainingPhase>;

/** Where a training is: in heartbeats (every few seconds) and, thinned, in the workflow's query. */
export const TrainingProgress = z.object({
  phase: TrainingPhase,
  attempt: z.int(),
  step: z.int(),
  totalSteps: z.int(),
  epoch: z.int(),
  totalEpochs: z.int(),
  /** Mean batch loss of the last half second or so; null before the first step. */
  loss: z.number().nullable(),
  imagesPerSecond: z.number().nullable(),
  etaSeconds: z.number().nullable(),
  /** Share of the frozen features that are computed, 0–1, in the phase `features`. */
  featuresDone: z.number().nullable(),
  lastEpoch: EpochMetrics.nullable(),
  checkpoint: z.object({ key: z.string(), sha256: Sha256Field, step: z.int() }).nullable(),
  residentMb: z.number().nullable(),
});
export type TrainingProgress = z.infer<typeof TrainingProgress>;

export const RunStatus = z.enum(['running', 'waiting-for-approval', 'completed', 'failed', 'cancelled']);
export type RunStatus = z.infer<typeof RunStatus>;

/** The answer of the workflow's `progress` query. */
export const RunProgress = z.object({
  runId: RunIdField,
  status: RunStatus,
  stage: StageName.nullable(),
  stages: z.array(StageSummary),
  training: TrainingProgress.nullable(),
  /** Where its status is waiting-for-approval. */
  approval: ApprovalWait.optional(),
});
export type RunProgress = z.infer<typeof RunProgress>;

/** What a training came to. */
export const RunTraining = z.object({
  manifestKey: z.string(),
  steps: z.int(),
  epochs: z.int(),
  stoppedEarly: z.boolean(),
  best: EpochMetrics,
  last: EpochMetrics,
  totalParameters: z.int(),
  trainableParameters: z.int(),
  weightsBytes: z.int(),
  seconds: z.number(),
});
export type RunTraining = z.infer<typeof RunTraining>;

/** The result of the workflow; `graft run --json` prints it. */
export const RunReport = z.object({
  runId: RunIdField,
  status: RunStatus,
  weightsSha256: Sha256Field.nullable(),
  metrics: z.partialRecord(z.enum([...GatedMetric.options, 'loss']), z.number()).nullable(),
  model: z
    .object({ name: z.string(), version: z.int().nullable(), promoted: z.boolean(), alias: z.string() })
    .nullable(),
  gate: z.array(GateRule),
  stages: z.array(StageSummary),
  dataset: RunDataset.nullable(),
  findings: z.array(Finding),
  /** On the newest of the test images; absent where neither champion nor window is asked for. */
  newest: z
    .object({ images: z.int(), loss: z.number(), accuracy: z.number(), top5: z.number(), macroF1: z.number() })
    .optional(),
  /** What a trial's sweep needs to know of its training. */
  training: RunTraining.optional(),
  /** Where the file says auto: what was measured, and why. */
  settled: Settled.optional(),
  /** Where it was planned: what was expected beside what it took. */
  estimate: RunEstimateKept.optional(),
  /** Where a person was asked. */
  approval: ApprovalVerdict.optional(),
});
export type RunReport = z.infer<typeof RunReport>;

/** `runs/<runId>/run.json`, written once at the start. */
export const RunRecord = z.object({
  kind: z.literal('graft.run/1'),
  runId: RunIdField,
  createdAt: z.string(),
  requestedBy: z.string(),
  graftVersion: z.string(),
  config: PipelineConfig,
  /** A dry run of the gate stays one when it is resumed. */
  gateOnly: z.boolean().optional(),
});
export type RunRecord = z.infer<typeof RunRecord>;

/** `runs/<runId>/attempts/<n>.json`: claims attempt n by `If-None-Match: *`; a later claim fences this one off. */
export const AttemptRecord = z.object({
  kind: z.literal('graft.attempt/1'),
  attempt: z.int().positive(),
  startedAt: z.string(),
  host: z.string(),
  /** Unique to the claim. */
  claimId: z.string().optional(),
  /** The Temporal execution it belongs to: a run that is resumed gets a new one, and new chances. */
  executionId: z.string().optional(),
  resumedFromStep: z.int().min(0),
  /** The last step the attempt before had finished, if this machine knows it. */
  reachedStep: z.int().min(0).nullable(),
});
export type AttemptRecord = z.infer<typeof AttemptRecord>;

/** The part of the training state that is not tensors. */
export const TrainCounters = z.object({
  step: z.int().min(0),
  /** Epochs finished. */
  epoch: z.int().min(0),
  /** Position within the epoch's order, in images: the data cursor. */
  cursor: z.int().min(0),
  /** Sums over the running epoch, so that its mean survives a resume exactly. */
  lossSum: z.number(),
  correct: z.int().min(0),
  seen: z.int().min(0),
  bestEpoch: z.int().min(0),
  best: EpochMetrics.nullable(),
  last: EpochMetrics.nullable(),
  epochsWithoutImprovement: z.int().min(0),
  stopBest: z.number().nullable(),
  stopped: z.boolean(),
  /** Of the schedule `plateau`; absent in checkpoints from before there was one. */
  plateau: z
    .object({ best: z.number().nullable(), wait: z.int(), cooldown: z.int(), factor: z.number() })
    .default({ best: null, wait: 0, cooldown: 0, factor: 1 }),
  stopReason: StopReason.nullable().default(null),
  held: z
    .object({ loss: z.int(), 'validation.loss': z.int(), 'validation.accuracy': z.int() })
    .default({ loss: 0, 'validation.loss': 0, 'validation.accuracy': 0 }),
  recent: z.array(z.number()).readonly().default([]),
  history: z
    .array(z.object({ trainLoss: z.number(), validationLoss: z.number(), validationAccuracy: z.number() }))
    .readonly()
    .default([]),
  rollbacks: z.int().default(0),
  rateFactor: z.number().default(1),
  spentMs: z.number().default(0),
});
export type TrainCounters = z.infer<typeof TrainCounters>;

/** `runs/<runId>/checkpoints/<step>-<attempt>/manifest.json`, written last. */
export const CheckpointManifest = z.object({
  kind: z.literal('graft.checkpoint/1'),
  runId: RunIdField,
  trainKey: z.string(),
  attempt: z.int().positive(),
  createdAt: z.string(),
  /** What the order of the data hangs on; a resume with another order is refused. */
  dataOrderSha256: Sha256Field,
  counters: TrainCounters,
  /** Whether its epoch was the best so far when it was written. */
  isBest: z.boolean(),
  tensors: BlobRef,
});
export type CheckpointManifest = z.infer<typeof CheckpointManifest>;
