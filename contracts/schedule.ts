import { z } from 'zod';
import { RunIdField, Sha256Field } from './manifests.ts';
import { PipelineConfig } from './pipeline-config.ts';
import { RunStatus } from './run.ts';

/** Names in Temporal, in storage and on the command line. */
export const ScheduleId = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'lower-case letters, digits and inner dashes, at most 63 characters');
export type ScheduleId = z.infer<typeof ScheduleId>;

/** When a tick of a schedule trains; core/schedules/decide.ts says what each means. */
export const RetrainTrigger = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('always') }),
  z.object({ kind: z.literal('changed') }),
  z.object({
    kind: z.literal('threshold'),
    newImages: z.int().positive().nullable(),
    /** A total variation distance. */
    drift: z.number().gt(0).max(1).nullable(),
  }),
]);
export type RetrainTrigger = z.infer<typeof RetrainTrigger>;

/** What a schedule starts: small, as every workflow's input. */
export const ScheduledRetrainInput = z.object({
  scheduleId: ScheduleId,
  config: PipelineConfig,
  trigger: RetrainTrigger,
  requestedBy: z.string(),
  /** As it was written: Temporal keeps what it makes of them. */
  cron: z.array(z.string()).default([]),
});
export type ScheduledRetrainInput = z.infer<typeof ScheduledRetrainInput>;

/** `schedules/<id>/trained.json`: what this schedule trained last, and what the next tick is compared with. */
export const LastTrained = z.object({
  kind: z.literal('graft.schedule-trained/1'),
  scheduleId: ScheduleId,
  runId: RunIdField,
  at: z.string(),
  datasetVersion: z.string(),
  datasetManifestKey: z.string(),
  configSha256: Sha256Field,
});
export type LastTrained = z.infer<typeof LastTrained>;

/** `schedules/<id>/decisions/<time>-<runId>.json`: why a tick trained or did not. */
export const ScheduleDecision = z.object({
  kind: z.literal('graft.schedule-decision/1'),
  scheduleId: ScheduleId,
  runId: RunIdField,
  at: z.string(),
  decision: z.enum(['train', 'skip']),
  /** One line for people. */
  reason: z.string(),
  datasetVersion: z.string(),
  datasetManifestKey: z.string(),
  configSha256: Sha256Field,
  /** Since the training before; null where there was none or nothing changed. */
  newImages: z.int().min(0).nullable(),
  drift: z.number().nullable(),
});
export type ScheduleDecision = z.infer<typeof ScheduleDecision>;

/** What came of a tick: the workflow's result, and in its memo for lists. */
export const ScheduledOutcome = z.object({
  decision: z.enum(['train', 'skip']).nullable(),
  reason: z.string(),
  runId: RunIdField,
  status: z.enum([...RunStatus.options, 'skipped']),
});
export type ScheduledOutcome = z.infer<typeof ScheduledOutcome>;

export const DecideInput = z.object({
  input: ScheduledRetrainInput,
  runId: RunIdField,
  datasetVersion: z.string(),
  datasetManifestKey: z.string(),
});
export type DecideInput = z.infer<typeof DecideInput>;
