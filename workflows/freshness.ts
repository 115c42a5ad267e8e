import { workflowInfo } from '@temporalio/workflow';
import type { CachedStage } from '../contracts/cache-config.ts';
import type { RetrainInput } from '../contracts/run.ts';
import type { Freshness } from '../contracts/stage-name.ts';

const DAY_MS = 86_400_000;

/**
 * How new a result must be for a run to take it. Counted from the start of the workflow: a stage that is tried again
 * finds what it made itself.
 */
export function freshness({ cache }: RetrainInput['config'], stage: CachedStage): { readonly fresh?: Freshness } {
  // What an older graft started has no such key.
  const rules: typeof cache | undefined = cache;
  if (rules === undefined) return {};
  const startMs = workflowInfo().startTime.getTime();
  if (rules.bypass.includes(stage)) return { fresh: { since: isoTime(startMs), because: 'bypassed' } };
  const days = rules.maxAgeDays[stage];
  return days === undefined ? {} : { fresh: { since: isoTime(startMs - days * DAY_MS), because: 'expired' } };
}

const isoTime = (ms: number): string => new Date(ms).toISOString();
