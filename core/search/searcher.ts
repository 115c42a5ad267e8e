import { unreachable } from '../errors.ts';
import { nextAsha } from './asha.ts';
import { nextHyperband } from './hyperband.ts';
import { nextMedian } from './median.ts';
import { nextPbt } from './pbt.ts';
import { nextFull } from './full.ts';
import type { SearchMethod } from './method.ts';
import type { Space, Values } from './space.ts';
import type { Objective, Trial } from './trials.ts';

/**
 * A searcher is a pure function (state, event) → (state, action). Its state is JSON, so that it can be kept, carried
 * into another workflow execution and looked at; its randomness is addressed by (seed, purpose, proposal), so that the
 * state holds no generator.
 */
export interface SearchState {
  readonly method: SearchMethod;
  readonly seed: number;
  readonly objectives: readonly Objective[];
  /** What a whole training is, in epochs. */
  readonly epochs: number;
  /** How many trials may be made. */
  readonly budget: number;
  readonly space: Space;
  readonly trials: readonly Trial[];
  /** What somebody asked to try, in order; goes before the method's own proposals, and counts against the budget. */
  readonly wanted: readonly Values[];
  /** Proposals drawn so far: the address of the next one. */
  readonly drawn: number;
}

export type SearchEvent =
  /** There is room for one more leg. */
  | { readonly kind: 'free' }
  /** A leg ended; `ended`: early stop ended the training as well. */
  | {
      readonly kind: 'report';
      readonly trial: number;
      readonly epoch: number;
      readonly values: readonly number[];
      readonly ended: boolean;
    }
  | { readonly kind: 'failed'; readonly trial: number; readonly reason: string }
  /** A person gives a trial up. */
  | { readonly kind: 'stop'; readonly trial: number }
  | { readonly kind: 'suggest'; readonly values: Values }
  | { readonly kind: 'budget'; readonly trials: number }
  | { readonly kind: 'space'; readonly space: Space };

export type SearchAction =
  /** Train a trial from the epoch it has reached, or from the weights of `copyOf`, until `toEpoch`. */
  | {
      readonly kind: 'train';
      readonly trial: number;
      readonly values: Values;
      readonly fromEpoch: number;
      readonly toEpoch: number;
      readonly copyOf: number | null;
    }
  /** Nothing can be decided before another leg ends. */
  | { readonly kind: 'wait' }
  /** Nothing is left to do, unless the budget grows. */
  | { readonly kind: 'finish' };

export interface Step {
  readonly state: SearchState;
  /** Null for events that only inform. */
  readonly action: SearchAction | null;
}

export function openSearch(
  settings: Pick<SearchState, 'method' | 'seed' | 'objectives' | 'epochs' | 'budget' | 'space'>,
): SearchState {
  return { ...settings, trials: [], wanted: [], drawn: 0 };
}

export function advance(state: SearchState, event: SearchEvent): Step {
  switch (event.kind) {
    case 'free':
      return next(state);
    case 'report':
      return informed(withTrial(state, event.trial, (trial) => reported(trial, event, state.epochs)));
    case 'failed':
      return informed(withTrial(state, event.trial, (trial) => ({ ...trial, state: 'failed', reason: event.reason })));
    case 'stop':
      return informed(withTrial(state, event.trial, (trial) => ({ ...trial, state: 'stopped' })));
    case 'suggest':
      return informed({ ...state, wanted: [...state.wanted, event.values] });
    case 'budget':
      return informed({ ...state, budget: event.trials });
    case 'space':
      return informed({ ...state, space: event.space });
    default:
      return unreachable(event);
  }
}

const informed = (state: SearchState): Step => ({ state, action: null });

function reported(trial: Trial, event: Extract<SearchEvent, { kind: 'report' }>, epochs: number): Trial {
  // What a person stopped meanwhile stays stopped, with what its last leg has found.
  const ended = event.ended || event.epoch >= epochs;
  const state = trial.state !== 'running' ? trial.state : ended ? 'done' : 'paused';
  return {
    ...trial,
    state,
    epoch: event.epoch,
    reports: [...trial.reports, { epoch: event.epoch, values: event.values }],
  };
}

function withTrial(state: SearchState, id: number, change: (trial: Trial) => Trial): SearchState {
  if (state.trials[id] === undefined) throw new Error(`no trial ${id}`);
  return { ...state, trials: state.trials.map((trial) => (trial.id === id ? change(trial) : trial)) };
}

function next(state: SearchState): Step {
  const { method } = state;
  switch (method.kind) {
    case 'grid':
    case 'random':
    case 'sobol':
    case 'tpe':
      return nextFull(state);
    case 'asha':
      return nextAsha(state, method);
    case 'hyperband':
      return nextHyperband(state, method);
    case 'median':
      return nextMedian(state, method);
    case 'pbt':
      return nextPbt(state, method);
    default:
      return unreachable(method);
  }
}
