import { z } from 'zod';
import { GateRule, RunIdField, Sha256Field } from './manifests.ts';

/** How an answer came: `timeout` where nobody gave one. */
export const ApprovalVia = z.enum(['command', 'dashboard', 'link', 'timeout']);
export type ApprovalVia = z.infer<typeof ApprovalVia>;

/** What a person says of a promotion that waits: the argument of the workflow's update. */
export const ApprovalAnswer = z.object({
  decision: z.enum(['approve', 'reject']),
  by: z.string().trim().min(1).max(120),
  /** Required for a rejection. */
  reason: z.string().max(2000),
  via: ApprovalVia.exclude(['timeout']),
  /** The comparison that was looked at; the one that waits where absent. */
  round: z.int().positive().optional(),
});
export type ApprovalAnswer = z.infer<typeof ApprovalAnswer>;

/** What became of it. */
export const ApprovalVerdict = z.object({
  round: z.int().positive(),
  outcome: z.enum(['approved', 'rejected', 'timed-out']),
  /** Whether the alias may move. */
  promote: z.boolean(),
  /** Null where nobody answered. */
  by: z.string().nullable(),
  reason: z.string(),
  via: ApprovalVia,
  at: z.string(),
});
export type ApprovalVerdict = z.infer<typeof ApprovalVerdict>;

/** A run that waits, as its query and its report of progress show it. */
export const ApprovalWait = z.object({
  round: z.int().positive(),
  askedAt: z.string(),
  expiresAt: z.string(),
  /** Anybody where empty. */
  approvers: z.array(z.string()),
  /** The comparison in storage, as JSON and for people (Markdown). */
  reportKey: z.string(),
  pageKey: z.string(),
});
export type ApprovalWait = z.infer<typeof ApprovalWait>;

const Figures = z.record(z.string(), z.number());

/** `runs/<runId>/approval/<round>.json`: challenger against champion, on the same test set. */
export const ApprovalReport = z.object({
  kind: z.literal('graft.approval-report/1'),
  runId: RunIdField,
  round: z.int().positive(),
  model: z.string(),
  alias: z.string(),
  requestedBy: z.string(),
  createdAt: z.string(),
  challenger: z.object({ weightsSha256: Sha256Field, dataset: z.string(), images: z.int(), metrics: Figures }),
  /** Null where there is none. */
  champion: z
    .object({ version: z.int(), weightsSha256: Sha256Field.nullable(), metrics: Figures.nullable() })
    .nullable(),
  rules: z.array(GateRule),
  /** Share of right answers by class; `champion` null where it was not scored. */
  perClass: z.array(
    z.object({ label: z.string(), support: z.int(), challenger: z.number(), champion: z.number().nullable() }),
  ),
});
export type ApprovalReport = z.infer<typeof ApprovalReport>;

/** `runs/<runId>/approval/<round>-verdict.json`. */
export const ApprovalRecord = z.object({
  kind: z.literal('graft.approval/1'),
  runId: RunIdField,
  model: z.string(),
  alias: z.string(),
  verdict: ApprovalVerdict,
});
export type ApprovalRecord = z.infer<typeof ApprovalRecord>;
