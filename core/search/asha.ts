import { begun, continued, idle } from './legs.ts';
import type { Halving } from './method.ts';
import type { SearchState, Step } from './searcher.ts';
import { ranking, standingsAt } from './trials.ts';
import type { Trial } from './trials.ts';

/** `grace` · `eta`^k as long as it is below a whole training, which is the last rung. */
export function rungs({ grace, eta }: Pick<Halving, 'grace' | 'eta'>, epochs: number): number[] {
  const found: number[] = [];
  for (let rung = Math.min(grace, epochs); rung < epochs; rung = Math.max(rung + 1, Math.round(rung * eta))) {
    found.push(rung);
  }
  return [...found, epochs];
}

/**
 * Asynchronous successive halving (Li et al., "A System for Massively Parallel Hyperparameter Tuning", MLSys 2020,
 * algorithm 2): a free worker promotes the best trial that is in the top 1/eta of its rung and has not been promoted,
 * from the highest rung down; where there is none, it begins a new trial. A promoted trial goes on from where it paused.
 */
export function nextAsha(state: SearchState, method: Halving): Step {
  const steps = rungs(method, state.epochs);
  for (let k = steps.length - 2; k >= 0; k--) {
    const rung = steps[k] ?? 0;
    const promoted = promotable(state, rung, method.eta)[0];
    if (promoted !== undefined) return continued(state, promoted, steps[k + 1] ?? state.epochs);
  }
  return begun(state, method.sampler, steps[0] ?? state.epochs) ?? idle(state);
}

/** Paused trials in the top 1/eta of a rung, the best first. A trial that failed on its way there counts as its worst. */
function promotable(state: SearchState, rung: number, eta: number): Trial[] {
  const failed = state.trials.filter((trial) => trial.state === 'failed' && trial.target === rung).length;
  const ranked = standingsAt(state.trials, rung, state.objectives);
  const top = ranking(ranked).slice(0, Math.floor((ranked.length + failed) / eta));
  return top.filter((trial) => trial.state === 'paused' && trial.epoch === rung);
}
