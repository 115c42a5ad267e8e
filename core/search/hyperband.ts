import { begun, continued, idle } from './legs.ts';
import type { Halving } from './method.ts';
import type { SearchState, Step } from './searcher.ts';
import { ranking, standingsAt } from './trials.ts';
import type { Trial } from './trials.ts';

export interface Bracket {
  readonly trials: number;
  /** Epochs at which it is halved; the last is a whole training. */
  readonly rungs: readonly number[];
}

/**
 * The brackets of one round (Li et al., "Hyperband", JMLR 2018, algorithm 1): with eta 3 and 81 epochs they are 81
 * trials from 1 epoch, 34 from 3, 15 from 9, 8 from 27 and 5 from 81.
 */
export function brackets({ eta, grace }: Pick<Halving, 'eta' | 'grace'>, epochs: number): Bracket[] {
  // 1e-9: log(243)/log(3) is 4.999….
  const most = Math.max(0, Math.floor(Math.log(epochs / grace) / Math.log(eta) + 1e-9));
  return Array.from({ length: most + 1 }, (_, index) => {
    const s = most - index;
    const all = Array.from({ length: s + 1 }, (_, i) => Math.max(1, Math.round(epochs * eta ** (i - s))));
    return { trials: Math.ceil(((most + 1) / (s + 1)) * eta ** s - 1e-9), rungs: [...new Set(all)] };
  });
}

/** How many trials one round of all brackets makes. */
export const roundOf = (method: Pick<Halving, 'eta' | 'grace'>, epochs: number): number =>
  brackets(method, epochs).reduce((sum, { trials }) => sum + trials, 0);

/**
 * Bracket after bracket, each halved when the whole of a rung is there. While a rung waits for its last trials the next
 * bracket is begun. Rounds repeat as long as the budget lasts.
 */
export function nextHyperband(state: SearchState, method: Halving): Step {
  const round = brackets(method, state.epochs);
  const last = Math.max(-1, ...state.trials.map(({ bracket = 0 }) => bracket));
  for (let b = 0; b <= last + 1; b++) {
    const bracket = round[b % round.length];
    if (!bracket) break;
    const members = state.trials.filter((trial) => trial.bracket === b);
    const promoted = promotable(state, method, bracket, members);
    if (promoted) return continued(state, promoted.trial, promoted.toEpoch);
    if (members.length >= bracket.trials) continue;
    const fresh = begun(state, method.sampler, bracket.rungs[0] ?? state.epochs, { bracket: b });
    if (fresh) return fresh;
  }
  return idle(state);
}

function promotable(
  state: SearchState,
  { eta }: Halving,
  { trials: size, rungs }: Bracket,
  members: readonly Trial[],
): { trial: Trial; toEpoch: number } | null {
  // Cut short by the budget: what there is makes the bracket.
  const isWhole = members.length >= size || state.trials.length >= state.budget;
  if (!isWhole) return null;
  let rest = members;
  for (const [i, rung] of rungs.slice(0, -1).entries()) {
    if (rest.some((trial) => trial.state === 'running' && trial.target === rung)) return null;
    const ranked = standingsAt(rest, rung, state.objectives);
    // By the size of the bracket, not of what is left of it: one that failed makes room for no other.
    rest = ranking(ranked).slice(0, Math.floor(members.length / eta ** (i + 1) + 1e-9));
    const toEpoch = rungs[i + 1] ?? state.epochs;
    const trial = rest.find((each) => each.state === 'paused' && each.epoch === rung);
    if (trial) return { trial, toEpoch };
  }
  return null;
}
