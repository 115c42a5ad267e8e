import { z } from 'zod';

/** `promote.approvals` of graft.yaml: who decides where `promote.approval` is manual, and what happens if nobody does. */
export const ApprovalConfig = z.strictObject({
  approvers: z
    .array(z.string().trim().min(1).max(120))
    .max(50)
    .default([])
    .describe('Who may decide: a user (anna), a user on a machine (anna@host), an address; anybody where empty.'),
  remindAfterHours: z
    .number()
    .positive()
    .max(8760)
    .nullable()
    .default(24)
    .describe('Those who are notified are told once more after so long; null: never.'),
  timeoutHours: z.number().positive().max(8760).default(168).describe('How long the run waits for an answer.'),
  onTimeout: z
    .enum(['reject', 'approve', 'fail'])
    .default('reject')
    .describe('What holds where nobody answered in time; fail: the run fails.'),
});
export type ApprovalConfig = z.infer<typeof ApprovalConfig>;
