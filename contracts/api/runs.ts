import { z } from 'zod';
import { EpochMetrics, Finding, GateRule, StageName } from '../manifests.ts';
import { PipelineConfig } from '../pipeline-config.ts';
import { RunReport, RunStatus, TrainingProgress } from '../run.ts';
import { ApprovalRow } from './approvals.ts';
import { Done, Moment, pageAnswer, pageQuery } from './common.ts';

/** A line of a list of runs. */
export const RunRow = z.object({
  runId: z.string(),
  status: RunStatus,
  startedAt: Moment,
  endedAt: Moment.nullable(),
  requestedBy: z.string().nullable(),
  accuracy: z.number().nullable(),
  version: z.int().nullable(),
  promoted: z.boolean(),
});
export type RunRow = z.infer<typeof RunRow>;

/** GET /api/runs: the newest first. `search` is a part of a run id or of who asked. */
export const RunsQuery = z.object({
  status: RunStatus.optional(),
  search: z.string().max(200).optional(),
  ...pageQuery,
});
export type RunsQuery = z.infer<typeof RunsQuery>;
export const Runs = z.object({ runs: z.array(RunRow), ...pageAnswer });
export type Runs = z.infer<typeof Runs>;

export const StageState = z.enum(['waiting', 'running', 'cached', 'done', 'failed', 'skipped']);
export type StageState = z.infer<typeof StageState>;

/** A box of the stage graph, in the order of the pipeline. */
export const StageView = z.object({
  name: StageName,
  state: StageState,
  seconds: z.number().nullable(),
  summary: z.string().nullable(),
  /** Share that is done, 0–1, where that is known. */
  done: z.number().nullable(),
  /** 1 for the first try. */
  attempt: z.int().nullable(),
  /** Why the try before failed, or the stage. */
  problem: z.string().nullable(),
});
export type StageView = z.infer<typeof StageView>;

export const CheckpointRow = z.object({
  step: z.int(),
  epoch: z.int(),
  attempt: z.int(),
  createdAt: Moment,
  isBest: z.boolean(),
  sizeBytes: z.int(),
});
export type CheckpointRow = z.infer<typeof CheckpointRow>;

export const AttemptRow = z.object({
  attempt: z.int(),
  startedAt: Moment,
  host: z.string(),
  resumedFromStep: z.int(),
  /** Steps that the attempt before had done and this one did again. */
  redoneSteps: z.int(),
});
export type AttemptRow = z.infer<typeof AttemptRow>;

/** What is live of a run: in GET /api/runs/:id, and as the data of `progress` in its stream. */
export const RunLive = z.object({
  runId: z.string(),
  status: RunStatus,
  stages: z.array(StageView),
  training: TrainingProgress.nullable(),
  /** Something a person should know: no worker polls, a workflow that does not get on. */
  notice: z.string().nullable(),
  /** What ended it; null while it runs or where it went well. */
  error: z.object({ code: z.string(), message: z.string() }).nullable(),
});
export type RunLive = z.infer<typeof RunLive>;

/** What may be asked of a run as it stands. */
export const RunAction = z.enum(['cancel', 'resume', 'extend', 'approve', 'reject']);
export type RunAction = z.infer<typeof RunAction>;

/** GET /api/runs/:id */
export const Run = z.object({
  row: RunRow,
  live: RunLive,
  /** Null where it has not begun, or its record is gone. */
  config: PipelineConfig.nullable(),
  graftVersion: z.string().nullable(),
  /** What it came to; null while it runs. */
  report: RunReport.nullable(),
  checkpoints: z.array(CheckpointRow),
  attempts: z.array(AttemptRow),
  findings: z.array(Finding),
  gate: z.array(GateRule),
  approval: ApprovalRow.nullable(),
  actions: z.array(RunAction),
});
export type Run = z.infer<typeof Run>;

/** GET /api/runs/:id/metrics. Every series is thinned to about so many points, their shape kept. */
export const MetricsQuery = z.object({ points: z.coerce.number().int().min(10).max(20_000).default(2_000) });
export type MetricsQuery = z.infer<typeof MetricsQuery>;

/**
 * `loss.step`, `learningRate` by step; `loss.train`, `loss.validation`, `accuracy.train`, `accuracy.validation` by
 * epoch. Plot x (steps) against y; the arrays are as long as each other and x ascends.
 */
export const Series = z.object({
  name: z.string(),
  x: z.array(z.number()),
  y: z.array(z.number()),
  /** How many points there were before thinning. */
  total: z.int(),
});
export type Series = z.infer<typeof Series>;

export const RunMetrics = z.object({
  series: z.array(Series),
  epochs: z.array(EpochMetrics),
  /** Changes when there is more; null where nothing has been logged. The stream's `metrics` event carries it. */
  etag: z.string().nullable(),
});
export type RunMetrics = z.infer<typeof RunMetrics>;

/**
 * GET /api/runs/:id/stream, server-sent events: `event:` is `kind`, `data:` the JSON of one of these. `progress` comes
 * within two seconds of a step; after `end` the server closes and the page must not reconnect.
 */
export const RunEvent = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('progress'), live: RunLive }),
  /** There is more behind /metrics. */
  z.object({ kind: z.literal('metrics'), etag: z.string() }),
  /** A service is away; progress follows when it is back. */
  z.object({ kind: z.literal('away'), problem: z.string() }),
  /** There is nothing to follow: no such run. The server closes. */
  z.object({ kind: z.literal('gone'), problem: z.string() }),
  z.object({ kind: z.literal('end'), live: RunLive }),
]);
export type RunEvent = z.infer<typeof RunEvent>;

export const LogLine = z.object({
  at: Moment,
  level: z.enum(['info', 'warning', 'error']),
  text: z.string(),
});
export type LogLine = z.infer<typeof LogLine>;

/** GET /api/runs/:id/log: what happened, the oldest first. */
export const RunLog = z.object({
  lines: z.array(LogLine),
  /** Whether older lines were left out. */
  cut: z.boolean(),
});
export type RunLog = z.infer<typeof RunLog>;

/** POST /api/runs/:id/extend */
export const Extend = z.strictObject({ epochs: z.int().positive().max(1_000_000) });
export type Extend = z.infer<typeof Extend>;
export const Extended = Done.extend({ warning: z.string().nullable() });
export type Extended = z.infer<typeof Extended>;
