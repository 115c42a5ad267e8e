import { z } from 'zod';
import { ApprovalVerdict, ApprovalWait } from './approval.ts';
import { Settled } from './auto-config.ts';
import { TrainingLeg } from './leg.ts';
import { DatasetConfig, ImageConfig, PipelineConfig, PromoteConfig } from './pipeline-config.ts';
import { BackboneId, SplitConfig } from './pipeline-config.ts';
import { Freshness, RemadeBecause } from './stage-name.ts';
import { WarmStart } from './retraining.ts';
import {
  BlobRef,
  EvaluateOutput,
  Finding,
  GateOutput,
  IngestOutput,
  PrepareOutput,
  PreparedImage,
  PromoteOutput,
  RunIdField,
  Side,
  SplitOutput,
  StageName,
  Task,
  TrainOutput,
  ValidateOutput,
} from './manifests.ts';

/** A stage's answer to the workflow: where its manifest lies, and the numbers that the next stages and people need. */
const stageResult = <T extends z.ZodType>(output: T) =>
  z.object({
    stage: StageName,
    key: z.string(),
    manifestKey: z.string(),
    cached: z.boolean(),
    remade: RemadeBecause.optional(),
    /** One line for people. */
    summary: z.string(),
    output,
  });

/** Absent where any result will do. */
const fresh = { fresh: Freshness.optional() };

export const IngestInput = z.object({
  ...fresh,
  dataset: DatasetConfig,
  datasetName: z.string(),
  runId: RunIdField,
  /** Classification where absent; `auto` is what the format is made for. */
  task: z.union([Task, z.literal('auto')]).optional(),
});
export type IngestInput = z.infer<typeof IngestInput>;

/** One of several workers that do a stage together: which, counted from 0, and of how many. */
export const Share = z.object({ index: z.int().min(0), of: z.int().positive() });
export type Share = z.infer<typeof Share>;
export const IngestShareInput = IngestInput.extend({ share: Share });
export type IngestShareInput = z.infer<typeof IngestShareInput>;

export const IngestResult = stageResult(IngestOutput);
export type IngestResult = z.infer<typeof IngestResult>;

export const ValidateInput = z.object({
  ...fresh,
  datasetManifestKey: z.string(),
  quarantined: z.int(),
  dataset: DatasetConfig,
  image: ImageConfig,
  backbone: BackboneId,
  /** Whose champion's training data these are compared with. */
  model: z.string().optional(),
  alias: z.string().optional(),
});
export type ValidateInput = z.infer<typeof ValidateInput>;
export const ValidateResult = stageResult(ValidateOutput.extend({ findings: z.array(Finding).max(50) }));
export type ValidateResult = z.infer<typeof ValidateResult>;

export const SplitInput = z.object({
  ...fresh,
  datasetManifestKey: z.string(),
  datasetName: z.string(),
  split: SplitConfig,
  /** What looks alike and what is left out; absent in runs from before it was looked for. */
  validateManifestKey: z.string().optional(),
});
export type SplitInput = z.infer<typeof SplitInput>;
export const SplitResult = stageResult(SplitOutput);
export type SplitResult = z.infer<typeof SplitResult>;

export const PrepareInput = z.object({
  ...fresh,
  datasetManifestKey: z.string(),
  splitManifestKey: z.string(),
  image: PreparedImage,
  sides: z.array(Side),
  /** Classification where absent. */
  task: Task.optional(),
  /** JSON lines of paths: the only training images that count; all where absent. */
  only: BlobRef.optional(),
});
export type PrepareInput = z.infer<typeof PrepareInput>;
export const PrepareShareInput = PrepareInput.extend({ share: Share });
export type PrepareShareInput = z.infer<typeof PrepareShareInput>;
/** The shards are in the manifest; only their counts travel through the workflow. */
export const PrepareResult = stageResult(
  PrepareOutput.omit({ sides: true }).extend({ rows: z.partialRecord(Side, z.int()) }),
);
export type PrepareResult = z.infer<typeof PrepareResult>;

/** What graft.yaml says auto to, on these pictures. */
export const SettleInput = z.object({ runId: RunIdField, config: PipelineConfig, prepareManifestKey: z.string() });
export type SettleInput = z.infer<typeof SettleInput>;
/** `config` is the input's, with values in place of auto. */
export const SettleResult = stageResult(Settled).extend({ config: PipelineConfig });
export type SettleResult = z.infer<typeof SettleResult>;

export const TrainInput = z.object({
  ...fresh,
  runId: RunIdField,
  config: PipelineConfig,
  prepareManifestKey: z.string(),
  /** The whole training where absent. */
  leg: TrainingLeg.optional(),
  /** Whose weights it begins with, where the pipeline says champion. */
  start: WarmStart.optional(),
});
export type TrainInput = z.infer<typeof TrainInput>;
export const TrainStageResult = stageResult(TrainOutput);
export type TrainStageResult = z.infer<typeof TrainStageResult>;

export const EvaluateInput = z.object({
  ...fresh,
  trainManifestKey: z.string(),
  prepareManifestKey: z.string(),
  /** Whose events tell of it; absent in what an older graft started. */
  runId: RunIdField.optional(),
  /** JSON lines of paths: test images that are scored by themselves as well. */
  newest: BlobRef.optional(),
});
export type EvaluateInput = z.infer<typeof EvaluateInput>;
export const EvaluateResult = stageResult(EvaluateOutput);
export type EvaluateResult = z.infer<typeof EvaluateResult>;

/** The keys of everything a decision rests on. */
export const Evidence = z.object({
  runId: RunIdField,
  datasetName: z.string(),
  datasetManifestKey: z.string(),
  splitManifestKey: z.string(),
  prepareManifestKey: z.string(),
  trainManifestKey: z.string(),
  evaluateManifestKey: z.string(),
});
export type Evidence = z.infer<typeof Evidence>;

export const GateInput = z.object({ ...fresh, model: z.string(), promote: PromoteConfig, evidence: Evidence });
export type GateInput = z.infer<typeof GateInput>;
export const GateResult = stageResult(GateOutput);
export type GateResult = z.infer<typeof GateResult>;

export const PromoteInput = z.object({
  model: z.string(),
  promote: PromoteConfig,
  evidence: Evidence,
  gateManifestKey: z.string(),
  requestedBy: z.string(),
  /** What a person said; absent where nobody was asked. */
  approval: ApprovalVerdict.optional(),
});
export type PromoteInput = z.infer<typeof PromoteInput>;
export const PromoteResult = stageResult(PromoteOutput);
export type PromoteResult = z.infer<typeof PromoteResult>;

/** A promotion that passed the gate, before a person is asked. */
export const AskApprovalInput = PromoteInput.omit({ approval: true }).extend({ round: z.int().positive() });
export type AskApprovalInput = z.infer<typeof AskApprovalInput>;
/** Null where the alias points at this very model already: there is nothing to decide. */
export const AskApprovalResult = ApprovalWait.pick({ reportKey: true, pageKey: true }).nullable();
export type AskApprovalResult = z.infer<typeof AskApprovalResult>;
