import { z } from 'zod';
import type { EndReason, SweepState } from '../core/search/sweep.ts';
import type { Trial } from '../core/search/trials.ts';
import type { Json } from '../core/canonical-json.ts';
import { TrainingLeg } from './leg.ts';
import { RunIdField } from './manifests.ts';
import { PipelineConfig } from './pipeline-config.ts';
import { PinnedData, RunReport } from './run.ts';

/** What a sweep remembers of a trial's training beside what its searcher knows. */
export const TrialTraining = z.object({
  /** The last part that ended, and the manifest of its result. */
  leg: TrainingLeg,
  manifestKey: z.string(),
  /** The part before: what another trial of the same generation may still copy. */
  before: z.object({ epoch: z.int(), manifestKey: z.string() }).nullable(),
  steps: z.int(),
  stoppedEarly: z.boolean(),
  /** Of all its parts, as they took here. */
  seconds: z.number(),
  weightsSha256: z.string(),
});
export type TrialTraining = z.infer<typeof TrialTraining>;

/** What starts a sweep, and what each of its executions hands to the next (continue-as-new). */
export const SweepInput = z.object({
  sweepId: RunIdField,
  base: PipelineConfig,
  state: z.custom<SweepState>(),
  /** The advisor's pick is tried first, once the data are known. */
  advised: z.boolean().optional(),
  /** Hand the best trial to the gate and promote it. */
  promote: z.boolean(),
  /** Ends the sweep; null for no limit of time. */
  hours: z.number().positive().nullable(),
  requestedBy: z.string(),
  /** Events after which an execution hands over to a new one. */
  historyLimit: z.int().positive().optional(),
  /** Known from the first execution on. */
  started: z
    .object({ atMs: z.number(), data: PinnedData, trainings: z.record(z.string(), TrialTraining), executions: z.int() })
    .optional(),
});
export type SweepInput = z.infer<typeof SweepInput>;

export const SweepStatus = z.enum(['running', 'paused', 'completed', 'failed', 'cancelled']);
export type SweepStatus = z.infer<typeof SweepStatus>;

export const TrialReport = z.object({
  trial: z.int().min(0),
  runId: RunIdField,
  values: z.custom<Readonly<Record<string, Json>>>(),
  state: z.custom<Trial['state']>(),
  /** The first objective; null before its first result. */
  metric: z.number().nullable(),
  /** All objectives, in the order of the sweep file. */
  metrics: z.array(z.number()),
  epochs: z.int(),
  steps: z.int(),
  seconds: z.number(),
  reason: z.string().nullable(),
});
export type TrialReport = z.infer<typeof TrialReport>;

/** The answer of the sweep's query, its result, and `sweeps/<sweepId>/report.json`. */
export const SweepReport = z.object({
  sweepId: RunIdField,
  status: SweepStatus,
  /** Why the search ended; null while it goes on. */
  ended: z.custom<EndReason>().nullable(),
  best: z
    .object({ trial: z.int(), runId: RunIdField, values: TrialReport.shape.values, metric: z.number() })
    .nullable(),
  /** Trials that none beats in every objective; with one objective the best alone. */
  pareto: z.array(z.int()),
  objectives: z.array(z.object({ metric: z.string(), goal: z.enum(['minimize', 'maximize']) })),
  trials: z.array(TrialReport),
  legs: z.int(),
  /** Every part of a training in the order of decision: trial, until which epoch, whose weights it took over; absent in older reports. */
  decisions: z.array(z.tuple([z.int(), z.int(), z.int().nullable()])).optional(),
  /** Workflow executions so far. */
  executions: z.int(),
  /** The best trial's run through evaluation, gate and promotion. */
  promotion: RunReport.nullable(),
  error: z.string().nullable(),
});
export type SweepReport = z.infer<typeof SweepReport>;

/** `sweeps/<sweepId>/sweep.json`, written once at the start. */
export const SweepRecord = z.object({
  kind: z.literal('graft.sweep/1'),
  sweepId: RunIdField,
  createdAt: z.string(),
  graftVersion: z.string(),
  input: SweepInput,
});
export type SweepRecord = z.infer<typeof SweepRecord>;
