import { z } from 'zod';
import { GateRule } from '../manifests.ts';
import { Moment } from './common.ts';

/** A promotion that waits for a person. */
export const ApprovalRow = z.object({
  runId: z.string(),
  model: z.string(),
  alias: z.string(),
  /** What the gate said. */
  rules: z.array(GateRule),
  metrics: z.record(z.string(), z.number()).nullable(),
  champion: z.object({ version: z.int(), metrics: z.record(z.string(), z.number()).nullable() }).nullable(),
  since: Moment.nullable(),
  /** When it is taken as refused; null where it waits for ever. */
  expiresAt: Moment.nullable(),
});
export type ApprovalRow = z.infer<typeof ApprovalRow>;

/** GET /api/approvals */
export const Approvals = z.object({ approvals: z.array(ApprovalRow) });
export type Approvals = z.infer<typeof Approvals>;

/** POST /api/runs/:id/approve and /reject */
export const Decision = z.strictObject({ reason: z.string().max(1000).default('') });
export type Decision = z.infer<typeof Decision>;
