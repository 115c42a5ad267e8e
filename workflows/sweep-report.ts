import type { SweepInput, SweepReport, TrialReport, TrialTraining } from '../contracts/sweep.ts';
import type { SweepState } from '../core/search/sweep.ts';
import { bestTrials, lastReport, paretoFront } from '../core/search/trials.ts';
import type { Trial } from '../core/search/trials.ts';
import { trialRunId } from './workflow-ids.ts';

/** What people and scripts see of a sweep. */
export function sweepReport(
  { sweepId, started }: SweepInput,
  { search, ended, decisions }: SweepState,
  now: Pick<SweepReport, 'status' | 'promotion' | 'error'> & {
    readonly trainings: Readonly<Record<string, TrialTraining>>;
  },
): SweepReport {
  const { trials, objectives } = search;
  const { trainings, ...rest } = now;
  const trialReport = (trial: Trial): TrialReport => {
    const metrics = lastReport(trial)?.values ?? [];
    const training = trainings[trial.id];
    return {
      trial: trial.id,
      runId: trialRunId(sweepId, trial.id),
      values: trial.values,
      state: trial.state,
      metric: metrics[0] ?? null,
      metrics: [...metrics],
      epochs: trial.epoch,
      steps: training?.steps ?? 0,
      seconds: training?.seconds ?? 0,
      reason: trial.reason ?? null,
    };
  };
  const [best] = bestTrials(trials, objectives);
  return {
    sweepId,
    ...rest,
    ended,
    best: best
      ? {
          trial: best.id,
          runId: trialRunId(sweepId, best.id),
          values: best.values,
          metric: lastReport(best)?.values[0] ?? 0,
        }
      : null,
    pareto: objectives.length > 1 ? paretoFront(trials, objectives).map(({ id }) => id) : best ? [best.id] : [],
    objectives: [...objectives],
    trials: trials.map(trialReport),
    legs: decisions.length,
    decisions: decisions.map(([trial, toEpoch, copyOf]) => [trial, toEpoch, copyOf]),
    executions: started?.executions ?? 1,
  };
}
