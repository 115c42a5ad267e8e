import { z } from 'zod';
import { ApprovalReport } from '../approval.ts';
import { GateRule } from '../manifests.ts';
import { Moment } from './common.ts';

/** A promotion that waits for a person. */
export const ApprovalRow = z.object({
  runId: z.string(),
  model: z.string(),
  alias: z.string(),
  /** Which comparison waits: send it with the answer, so that it is given to what was looked at. */
  round: z.int(),
  requestedBy: z.string(),
  /** What the gate said. */
  rules: z.array(GateRule),
  metrics: z.record(z.string(), z.number()).nullable(),
  champion: z.object({ version: z.int(), metrics: z.record(z.string(), z.number()).nullable() }).nullable(),
  since: Moment.nullable(),
  /** When it is taken as refused; null where it waits for ever. */
  expiresAt: Moment.nullable(),
  /** Who may answer; anybody where empty. */
  approvers: z.array(z.string()),
  /** Share of right answers by class; `champion` null where it was not scored. */
  perClass: ApprovalReport.shape.perClass,
});
export type ApprovalRow = z.infer<typeof ApprovalRow>;

/** GET /api/approvals */
export const Approvals = z.object({ approvals: z.array(ApprovalRow) });
export type Approvals = z.infer<typeof Approvals>;

/** POST /api/runs/:id/approve and /reject. A rejection needs a reason. */
export const Decision = z.strictObject({
  reason: z.string().max(2000).default(''),
  round: z.int().positive().optional(),
});
export type Decision = z.infer<typeof Decision>;
