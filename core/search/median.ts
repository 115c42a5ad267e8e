import { begun, continued, idle } from './legs.ts';
import type { SearchMethod } from './method.ts';
import type { SearchState, Step } from './searcher.ts';
import { lossOf } from './trials.ts';
import type { Trial } from './trials.ts';

type Median = Extract<SearchMethod, { kind: 'median' }>;

/**
 * The median stopping rule (Golovin et al., "Google Vizier", KDD 2017, §3.2.2): a trial is given up at an epoch where its
 * best value so far is worse than the median of the running averages that the others had at that epoch. Before a new
 * trial is begun, those that are paused go on, the oldest first.
 */
export function nextMedian(state: SearchState, method: Median): Step {
  const judged = dropLosers(state, method);
  const waiting = judged.trials.find((trial) => trial.state === 'paused');
  if (waiting) return continued(judged, waiting, Math.min(judged.epochs, waiting.epoch + method.every));
  const first = Math.min(judged.epochs, Math.max(method.grace, method.every));
  return begun(judged, method.sampler, first) ?? idle(judged);
}

function dropLosers(state: SearchState, method: Median): SearchState {
  const trials = state.trials.map((trial) =>
    trial.state === 'paused' && losesAgainst(state, method, trial) ? { ...trial, state: 'dropped' as const } : trial,
  );
  return { ...state, trials };
}

function losesAgainst(state: SearchState, { startup, grace }: Median, trial: Trial): boolean {
  if (trial.epoch < grace) return false;
  const loss = (values: readonly number[]): number => lossOf(values, state.objectives)[0] ?? 0;
  const averages = state.trials.flatMap((other) => {
    if (other.id === trial.id || other.epoch < trial.epoch) return [];
    const until = other.reports.filter(({ epoch }) => epoch <= trial.epoch).map(({ values }) => loss(values));
    return until.length === 0 ? [] : [until.reduce((sum, value) => sum + value, 0) / until.length];
  });
  if (averages.length < startup) return false;
  return Math.min(...trial.reports.map(({ values }) => loss(values))) > median(averages);
}

function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  const [low = 0, high = 0] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]];
  return (low + high) / 2;
}
