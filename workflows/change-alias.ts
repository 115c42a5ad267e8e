import type { AliasChangeInput, AliasChangeResult } from '../contracts/alias-change.ts';
import { bookkeeping, evaluation } from './activity-options.ts';

/**
 * A promotion by hand or a rollback: the version is loaded and asked for known answers before the alias moves. Killed at
 * any step it goes on where it was; the ledger has the move once.
 */
export async function changeAliasWorkflow(input: AliasChangeInput): Promise<AliasChangeResult> {
  const plan = await bookkeeping.planAliasChange(input);
  const check = input.skipCheck
    ? 'not checked, as asked for'
    : await evaluation.checkModelVersion({ model: input.model, version: plan.to });
  return bookkeeping.applyAliasChange({ ...input, ...plan, check });
}
