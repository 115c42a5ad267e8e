import { propose } from './propose.ts';
import type { Sampler } from './method.ts';
import type { SearchState, Step } from './searcher.ts';
import type { Trial } from './trials.ts';

/** A leg of a trial that is paused. */
export function continued(state: SearchState, trial: Trial, toEpoch: number): Step {
  const going: Trial = { ...trial, state: 'running', target: toEpoch };
  const trials = state.trials.map((each) => (each.id === trial.id ? going : each));
  const { id, values, epoch } = trial;
  return {
    state: { ...state, trials },
    action: { kind: 'train', trial: id, values, fromEpoch: epoch, toEpoch, copyOf: null },
  };
}

/** A new trial: what somebody wants, else what the sampler proposes; null where the budget or the space is used up. */
export function begun(
  state: SearchState,
  sampler: Sampler,
  toEpoch: number,
  extra: Pick<Trial, 'bracket'> = {},
): Step | null {
  if (state.trials.length >= state.budget) return null;
  const [wanted, ...rest] = state.wanted;
  const proposal = wanted === undefined ? propose(state, sampler) : { values: wanted, drawn: state.drawn };
  if (proposal === null) return null;
  const id = state.trials.length;
  const { values, drawn } = proposal;
  const trial: Trial = { id, values, state: 'running', epoch: 0, target: toEpoch, reports: [], ...extra };
  return {
    state: { ...state, drawn, wanted: rest, trials: [...state.trials, trial] },
    action: { kind: 'train', trial: id, values, fromEpoch: 0, toEpoch, copyOf: null },
  };
}

/** Nothing to start: over, unless a leg under way may change that. */
export function idle(state: SearchState): Step {
  const running = state.trials.some((trial) => trial.state === 'running');
  return { state, action: { kind: running ? 'wait' : 'finish' } };
}
