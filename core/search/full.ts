import { begun, idle } from './legs.ts';
import type { SearchState, Step } from './searcher.ts';

/** Every trial is trained to its end: grid, random, Sobol and TPE by themselves. */
export function nextFull(state: SearchState): Step {
  const { method } = state;
  if (method.kind !== 'grid' && method.kind !== 'random' && method.kind !== 'sobol' && method.kind !== 'tpe') {
    throw new Error(`${method.kind} is no sampler`);
  }
  return begun(state, method, state.epochs) ?? idle(state);
}
