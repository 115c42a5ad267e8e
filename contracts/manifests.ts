import { z } from 'zod';
import { resizings } from '../core/dataset/framing.ts';
import { isRunId, isSha256 } from '../core/ids.ts';
import type { DatasetVersion, RunId, Sha256, StageKey } from '../core/ids.ts';
import { Side, Task, annotationFields } from './annotations.ts';
import { DatasetFormat } from './dataset-formats.ts';
import { HeadLayerConfig } from './model-config.ts';
import { DetectionMetrics, EpochDetection } from './detection-metrics.ts';
import { DetectorConfig } from './detector-config.ts';
import { StageName } from './stage-name.ts';
import { BackboneId, FeatureType, GatedMetric, Strategy } from './pipeline-config.ts';

export { Box, Side, Task } from './annotations.ts';
export { StageName } from './stage-name.ts';

/** What lies in the bucket (architecture §3). Readers trust manifests only: each lists its parts with their hashes. */
export const Sha256Field = z.custom<Sha256>((v) => typeof v === 'string' && isSha256(v), 'a SHA-256 in hex');
export const RunIdField = z.custom<RunId>((v) => typeof v === 'string' && isRunId(v), 'a run id');
const StageKeyField = z.custom<StageKey>((v) => typeof v === 'string' && isSha256(v), 'a stage key');
const DatasetVersionField = z.custom<DatasetVersion>((v) => typeof v === 'string' && isSha256(v), 'a data set version');

/** A part of a manifest: bytes that verify against their hash. */
export const BlobRef = z.object({ key: z.string().min(1), sha256: Sha256Field, sizeBytes: z.int().min(0) });
export type BlobRef = z.infer<typeof BlobRef>;

/** What has a folder under `stages/`: the stages of a run, and codes of a frozen trunk, which trainings share. */
export const StoredStage = z.enum([...StageName.options, 'features', 'measure']);
export type StoredStage = z.infer<typeof StoredStage>;

/**
 * A result that nothing needs is `marked`: who takes it all the same takes the mark away. Then `sweeping`: nobody may take it
 * any more, its parts go. Then `swept`: the manifest stays, so that an explanation can still compare with it.
 */
export const CollectState = z.object({ state: z.enum(['marked', 'sweeping', 'swept']), at: z.string() });
export type CollectState = z.infer<typeof CollectState>;

/** `stages/<stage>/<key>/manifest.json`. `addressedBy` is what was hashed into the key: `graft cache explain` reads it. */
export const StageManifest = z.object({
  kind: z.literal('graft.stage/1'),
  stage: StoredStage,
  key: StageKeyField,
  codeVersion: z.int().positive(),
  createdAt: z.string(),
  addressedBy: z.record(z.string(), z.json()),
  parts: z.array(BlobRef),
  /** The stage's own schema reads it: IngestOutput, SplitOutput … */
  output: z.unknown(),
  /** When a run took it last after it had been marked, or a collection found it needed; absent in most. */
  usedAt: z.string().optional(),
  /** Where `graft cache gc` is with it; absent in what is in use. */
  collect: CollectState.optional(),
});
export type StageManifest = z.infer<typeof StageManifest>;

export const DatasetItem = z.object({
  /** Relative to the source, with `/`. */
  path: z.string(),
  /** Empty where the data set has boxes. */
  label: z.string(),
  sha256: Sha256Field,
  sizeBytes: z.int().positive(),
  /** Oriented by EXIF, in pixels. */
  width: z.int().positive(),
  height: z.int().positive(),
  channels: z.int().positive(),
  format: z.string(),
  ...annotationFields,
});
export type DatasetItem = z.infer<typeof DatasetItem>;

export const QuarantinedItem = z.object({ path: z.string(), code: z.string(), reason: z.string() });
export type QuarantinedItem = z.infer<typeof QuarantinedItem>;

/** JSON lines of DatasetItem; their looks (core/dataset/look.ts) are rows of bytes in the same order. */
export const DatasetPartition = BlobRef.extend({
  items: z.int().positive(),
  /** Absent in what graft wrote before it looked at pictures. */
  looks: BlobRef.optional(),
});
export type DatasetPartition = z.infer<typeof DatasetPartition>;

/** `datasets/<name>/<version>/manifest.json`; partitions are JSON lines of DatasetItem, sorted by path. */
export const DatasetManifest = z.object({
  kind: z.literal('graft.dataset/1'),
  name: z.string(),
  version: DatasetVersionField,
  format: DatasetFormat,
  /** Absent for classification. */
  task: Task.optional(),
  classes: z.array(z.string()),
  images: z.int().min(0),
  /** Absent for classification. */
  boxes: z.int().min(0).optional(),
  sizeBytes: z.int().min(0),
  /** Images of each class; boxes of each where the task is detection. */
  perClass: z.record(z.string(), z.int()),
  partitions: z.array(DatasetPartition),
});
export type DatasetManifest = z.infer<typeof DatasetManifest>;

export const IngestOutput = z.object({
  dataset: z.string(),
  version: DatasetVersionField,
  manifestKey: z.string(),
  classes: z.array(z.string()),
  images: z.int(),
  quarantined: z.int(),
  /** JSON lines of QuarantinedItem; null when there are none. */
  quarantine: BlobRef.nullable(),
});
export type IngestOutput = z.infer<typeof IngestOutput>;

export const Finding = z.object({ level: z.enum(['info', 'warning']), code: z.string(), message: z.string() });
export type Finding = z.infer<typeof Finding>;

/** An item that a policy of `dataset.checks` leaves out; it is reported like a quarantined one. */
export const DroppedItem = QuarantinedItem;
export type DroppedItem = z.infer<typeof DroppedItem>;

export const ValidateOutput = z.object({
  findings: z.array(Finding),
  report: BlobRef,
  /** The same for people: one HTML file. */
  page: BlobRef.optional(),
  /** JSON lines of unit names: pictures that look alike and belong on one side. */
  alike: BlobRef.optional(),
  /** JSON lines of DroppedItem; absent where nothing is left out. */
  dropped: BlobRef.optional(),
});
export type ValidateOutput = z.infer<typeof ValidateOutput>;

export const SplitOutput = z.object({
  datasetManifestKey: z.string(),
  classes: z.array(z.string()),
  counts: z.record(Side, z.int()),
  perClass: z.record(z.string(), z.record(Side, z.int())),
  /** JSON lines `{unit, side}`: every group (or content hash) and the side it keeps from now on. */
  assignments: BlobRef,
  /** The split whose sides were kept; null for the first one. */
  parent: StageKeyField.nullable(),
  /** Clusters of near-duplicates that earlier or given sides tear apart; absent where there are none. */
  torn: z.int().optional(),
  /** What validation leaves out: JSON lines of DroppedItem. */
  dropped: BlobRef.optional(),
});
export type SplitOutput = z.infer<typeof SplitOutput>;

/** What the training pictures are like, under the name by which a model keeps it (`measured:…`). */
export const MeasureOutput = z.object({ normalization: z.string() });
export type MeasureOutput = z.infer<typeof MeasureOutput>;

export const PreparedImage = z.object({
  heightPx: z.int(),
  widthPx: z.int(),
  channels: z.union([z.literal(1), z.literal(3)]),
  resize: z.enum(resizings),
  /** For `keep-aspect`, and for that alone. */
  keepAspect: z.object({ minPx: z.int().positive(), maxPx: z.int().positive() }).optional(),
});
export type PreparedImage = z.infer<typeof PreparedImage>;

/**
 * A safetensors file: `images` uint8 [rows, height, width, channels], `labels` int32 [rows]; `items` are JSON lines
 * {path, sha256}. For detection also `boxCounts` int32 [rows], and back to back the `boxes` float32 [n, 4] (ymin, xmin,
 * ymax, xmax in shares of the frame), `boxLabels` and `boxFlags` int32 [n] (1 crowd or group, 2 difficult), and items with
 * the picture's `width`, `height` and `boxes` in its own pixels.
 */
export const PreparedShard = BlobRef.extend({ rows: z.int().positive(), items: BlobRef });
export type PreparedShard = z.infer<typeof PreparedShard>;

export const PreparedSide = z.object({ rows: z.int().min(0), shards: z.array(PreparedShard) });
export type PreparedSide = z.infer<typeof PreparedSide>;

export const PrepareOutput = z.object({
  image: PreparedImage,
  classes: z.array(z.string()),
  sides: z.partialRecord(Side, PreparedSide),
});
export type PrepareOutput = z.infer<typeof PrepareOutput>;

/** A safetensors file: `codes` float16 or float32 [rows, …], `labels` int32 [rows]. */
export const FeatureShard = BlobRef.extend({ rows: z.int().positive() });
export type FeatureShard = z.infer<typeof FeatureShard>;

/** What a frozen prefix makes of the images of one side, in their order; of one draw of them where they are augmented. */
export const FeaturesOutput = z.object({
  type: FeatureType,
  rows: z.int().min(0),
  shards: z.array(FeatureShard),
  /** What the forward passes took, and the run that waited for them. */
  seconds: z.number().min(0),
  runId: RunIdField,
});
export type FeaturesOutput = z.infer<typeof FeaturesOutput>;

/** What a frozen prefix cost a training, and what it was spared. */
export const FrozenFigures = z.object({
  /** Training and validation images. */
  images: z.int().min(0),
  /** Draws of each training image; null where none are drawn. */
  variants: z.int().positive().nullable(),
  /** Images that were sent through the prefix for this run, once for each draw, and what that took. */
  computed: z.int().min(0),
  seconds: z.number().min(0),
  /** Those that another training had left, and one of the runs they came from. */
  reused: z.int().min(0),
  reusedFrom: z.string().nullable(),
  /** Forward passes of an image through the prefix if nothing were kept. */
  passes: z.int().min(0),
  passesSaved: z.int().min(0),
  secondsSaved: z.number().min(0),
});
export type FrozenFigures = z.infer<typeof FrozenFigures>;

/** What must be the same for two trainings to have the same bits. */
export const TrainEnvironment = z.object({
  backend: z.string(),
  tensorflow: z.string(),
  device: z.string(),
  threads: z.int().positive(),
  oneDnn: z.boolean(),
  /** Whether steps ran as compiled graphs or operation by operation. */
  engine: z.enum(['compiled', 'eager']).default('eager'),
  /** For which processors graft's own kernels were compiled (`x86-64-v4`); null where TensorFlow's computed alone. */
  kernels: z.string().nullable().default(null),
  /** In how many parts a batch went through its graph, each on a thread; 1 where threads were within operations. */
  parts: z.int().positive().default(1),
  arch: z.string(),
});
export type TrainEnvironment = z.infer<typeof TrainEnvironment>;

/** Everything that is needed to use the weights: the model, its input and its classes. */
export const ModelDescription = z.object({
  backbone: BackboneId,
  strategy: Strategy,
  classes: z.array(z.string()),
  image: PreparedImage,
  normalization: z.string(),
  dropout: z.number(),
  /** The cut point behind which the backbone ends; its own end where absent. */
  cut: z.string().optional(),
  /** Layers between the pooled features and the last dense one; none where absent. */
  head: z.array(HeadLayerConfig).optional(),
  /** How gray pictures meet the first convolution; its kernels are summed where absent. */
  firstKernels: z.literal('average').optional(),
  /** What finds objects on top of the backbone; absent in a classifier. */
  detector: DetectorConfig.optional(),
});
export type ModelDescription = z.infer<typeof ModelDescription>;

export const EpochMetrics = z.object({
  epoch: z.int(),
  step: z.int(),
  learningRate: z.number(),
  trainLoss: z.number(),
  trainAccuracy: z.number(),
  validationLoss: z.number(),
  /** Of a detector: mAP at IoU .5, the last that was computed; its `trainAccuracy` is 0. */
  validationAccuracy: z.number(),
  detection: EpochDetection.optional(),
});
export type EpochMetrics = z.infer<typeof EpochMetrics>;

/** Why a training ended before its last epoch. */
export const StopReason = z.enum(['early-stop', 'stop-when', 'budget']);
export type StopReason = z.infer<typeof StopReason>;

export const TrainOutput = z.object({
  weights: BlobRef,
  model: ModelDescription,
  environment: TrainEnvironment,
  steps: z.int(),
  epochs: z.int(),
  bestEpoch: z.int(),
  stoppedEarly: z.boolean(),
  best: EpochMetrics,
  last: EpochMetrics,
  trainableParameters: z.int(),
  totalParameters: z.int(),
  /** Absent where nothing was frozen or kept, and in what graft wrote before it kept this. */
  frozen: FrozenFigures.optional(),
  /** Where a part of a training ended, to go on from; `trajectory` names the training that it is a part of. */
  paused: z.object({ checkpoint: BlobRef, trajectory: Sha256Field }).optional(),
  /** Absent where it went to its last epoch. */
  stopReason: StopReason.optional(),
  /** What its curves say (core/training/curves.ts). */
  findings: z.array(Finding).max(20).optional(),
  /** metrics.jsonl and histograms.jsonl, for runs that find this training done; absent in what an older graft wrote. */
  curves: z.object({ metrics: BlobRef, histograms: BlobRef }).optional(),
});
export type TrainOutput = z.infer<typeof TrainOutput>;

export const ClassMetrics = z.object({
  label: z.string(),
  support: z.int(),
  precision: z.number(),
  recall: z.number(),
  f1: z.number(),
});
export type ClassMetrics = z.infer<typeof ClassMetrics>;

export const ClassificationMetrics = z.object({
  images: z.int(),
  loss: z.number(),
  accuracy: z.number(),
  top5: z.number(),
  macroPrecision: z.number(),
  macroRecall: z.number(),
  macroF1: z.number(),
  perClass: z.array(ClassMetrics),
  /** Row: the true class; column: the predicted one. */
  confusion: z.array(z.array(z.int())),
});
export type ClassificationMetrics = z.infer<typeof ClassificationMetrics>;

export const EvaluateOutput = z.object({
  /** Of a detector: of its sure detections, object by object (core/metrics/detection/operating-point.ts). */
  metrics: ClassificationMetrics,
  /**
   * safetensors: `logits` float32 [rows, classes], `labels` int32 [rows], in the order of the test shards. Of a detector:
   * [rows, detections × 6], surest first: class + 1, score, ymin, xmin, ymax, xmax in shares of the frame; 0 beyond them.
   */
  logits: BlobRef,
  findings: z.array(Finding),
  /** Of a detector; its detections and the objects, in COCO's form, are what `graft eval --detections` reads. */
  detection: z.object({ metrics: DetectionMetrics, detections: BlobRef, groundTruth: BlobRef }).optional(),
  /** The newest of the test images by themselves; absent where nobody asked. */
  newest: ClassificationMetrics.omit({ perClass: true, confusion: true }).optional(),
});
export type EvaluateOutput = z.infer<typeof EvaluateOutput>;

/** `numbers` are what the explanation says in words. */
export const GateRule = z.object({
  rule: z.string(),
  passed: z.boolean(),
  explanation: z.string(),
  numbers: z.record(z.string(), z.number()).optional(),
});
export type GateRule = z.infer<typeof GateRule>;

export const GateOutput = z.object({
  decision: z.enum(['promote', 'refuse']),
  rules: z.array(GateRule),
  champion: z
    .object({
      version: z.int(),
      /** Null where its manifest can't be read. */
      weightsSha256: Sha256Field.nullable(),
      metrics: z.partialRecord(GatedMetric, z.number()).nullable(),
      /** Its evaluation on the challenger's test set, logits and all; absent where it was not scored. */
      evaluateKey: z.string().optional(),
    })
    .nullable(),
});
export type GateOutput = z.infer<typeof GateOutput>;

export const PromoteOutput = z.object({
  model: z.string(),
  version: z.int().positive(),
  promoted: z.boolean(),
  alias: z.string(),
  manifestKey: z.string(),
  /** Where the alias stands (null: nowhere), though the gate compared with another: it has to decide again. */
  overtakenBy: z.int().positive().nullable().optional(),
});
export type PromoteOutput = z.infer<typeof PromoteOutput>;
