import type { Context } from '@temporalio/activity';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import type { ActivityInterceptors } from '@temporalio/worker';
import type { ActivityOutcome, WorkerMetrics } from './worker-metrics.ts';

/** Times every activity of a worker, and counts what came of it. */
export function meteringInterceptor(metrics: WorkerMetrics): (context: Context) => ActivityInterceptors {
  return ({ info }) => ({
    inbound: {
      execute: async (input, next) => {
        const startedMs = performance.now();
        const tell = (outcome: ActivityOutcome): void => {
          metrics.activity(info.activityType, (performance.now() - startedMs) / 1000, outcome);
        };
        try {
          const result: unknown = await next(input);
          tell({ kind: 'done' });
          const stage = stageOf(result);
          if (stage) metrics.stage(stage.stage, stage.cached);
          return result;
        } catch (error) {
          tell(outcomeOf(error));
          throw error;
        }
      },
    },
  });
}

function stageOf(result: unknown): { stage: string; cached: boolean } | null {
  if (typeof result !== 'object' || result === null || !('stage' in result) || !('cached' in result)) return null;
  const { stage, cached } = result;
  return typeof stage === 'string' && typeof cached === 'boolean' ? { stage, cached } : null;
}

function outcomeOf(error: unknown): ActivityOutcome {
  if (error instanceof CancelledFailure) return { kind: 'cancelled' };
  if (error instanceof ApplicationFailure) return { kind: 'failed', code: error.type ?? 'UNKNOWN' };
  return { kind: 'failed', code: 'UNKNOWN' };
}
