import type { TrainConfig } from '../../contracts/pipeline-config.ts';
import type { TrainCounters } from '../../contracts/run.ts';
import { stoppedBy } from '../../core/training/progress.ts';
import { hoursAllowed } from '../../core/training/stop-rules.ts';
import type { JobHost } from './job.ts';

/** Counts what a training has spent, over all its attempts. */
export interface BudgetWatch {
  /** The counters with the time since the last look; those of a training at its end once the budget is spent. */
  spent(counters: TrainCounters): TrainCounters;
}

const MS_AN_HOUR = 3_600_000;

/** Without a budget it counts nothing: a checkpoint's bytes then hang on no clock. */
export function budgetWatch(budget: TrainConfig['budget'], host: JobHost): BudgetWatch {
  const allowedMs = hoursAllowed(budget) * MS_AN_HOUR;
  if (!Number.isFinite(allowedMs)) return { spent: (counters) => counters };
  let lastMs = host.nowMs();
  return {
    spent(counters) {
      const [before, now] = [lastMs, host.nowMs()];
      lastMs = now;
      const spentMs = counters.spentMs + now - before;
      return { ...counters, spentMs, ...(spentMs >= allowedMs ? stoppedBy('budget') : {}) };
    },
  };
}
