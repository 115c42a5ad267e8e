import { z } from 'zod';

/** What a person asks of an alias, past the gate: a promotion by hand, or a rollback. */
export const AliasChangeInput = z.object({
  /** Names the request in the ledger, so that trying again enters it once. */
  requestId: z.string(),
  model: z.string(),
  alias: z.string(),
  action: z.enum(['promote', 'rollback']),
  /** Null: where the alias stood before it was moved last. */
  to: z.int().positive().nullable(),
  actor: z.string(),
  reason: z.string(),
  allowClassMapChange: z.boolean(),
  /** Moves the alias although the version's answers were not compared with the recorded ones. */
  skipCheck: z.boolean(),
  /** Where whoever asks has seen the alias stand; absent: wherever it does. */
  expected: z.int().positive().nullable().optional(),
});
export type AliasChangeInput = z.infer<typeof AliasChangeInput>;

export const AliasChangePlan = z.object({ from: z.int().positive().nullable(), to: z.int().positive() });
export type AliasChangePlan = z.infer<typeof AliasChangePlan>;

export const AliasChangeResult = AliasChangePlan.extend({
  model: z.string(),
  alias: z.string(),
  /** False where the alias stood there already. */
  moved: z.boolean(),
  check: z.string(),
});
export type AliasChangeResult = z.infer<typeof AliasChangeResult>;
