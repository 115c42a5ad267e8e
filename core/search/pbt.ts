import type { Json } from '../canonical-json.ts';
import { stream } from '../rng.ts';
import { begun, idle } from './legs.ts';
import type { SearchMethod } from './method.ts';
import type { SearchState, Step } from './searcher.ts';
import { fromUnit, isOf, position, valueAt } from './space.ts';
import type { Domain, Values } from './space.ts';
import { ranking, standingsAt } from './trials.ts';
import type { Trial } from './trials.ts';

type Pbt = Extract<SearchMethod, { kind: 'pbt' }>;

/**
 * Population based training (Jaderberg et al. 1711.09846), generation by generation: when all of a generation are
 * there, those in the lowest quantile take over the weights and settings of one in the highest, varied; then all train
 * on. In step, so that no decision hangs on who was quick.
 */
export function nextPbt(state: SearchState, method: Pbt): Step {
  const size = Math.min(method.population, state.budget);
  if (state.trials.length < size) {
    const fresh = begun(state, { kind: 'random' }, Math.min(state.epochs, method.every));
    if (fresh) return fresh;
  }
  const waiting = state.trials.filter(({ state: at }) => at === 'paused');
  const generation = Math.min(...waiting.map(({ epoch }) => epoch));
  const incomplete = state.trials.some((trial) => trial.state === 'running' && trial.target <= generation);
  const trial = waiting.find(({ epoch }) => epoch === generation);
  if (trial === undefined || incomplete) return idle(state);
  return trainOn(state, method, trial);
}

/** The next leg of a trial: its own, or one that begins where a better one is. */
function trainOn(state: SearchState, method: Pbt, trial: Trial): Step {
  const toEpoch = Math.min(state.epochs, trial.epoch + method.every);
  const parent = parentOf(state, method, trial);
  const values = parent === null ? trial.values : varied(state, method, trial, parent);
  const going: Trial = {
    ...trial,
    values,
    state: 'running',
    target: toEpoch,
    ...(parent === null ? {} : { copyOf: parent.id }),
  };
  const trials = state.trials.map((each) => (each.id === trial.id ? going : each));
  const copyOf = parent?.id ?? null;
  return {
    state: { ...state, trials },
    action: { kind: 'train', trial: trial.id, values, fromEpoch: trial.epoch, toEpoch, copyOf },
  };
}

/** One of the best quantile of this trial's generation for one of the worst; null for the rest. */
function parentOf({ trials, objectives, seed }: SearchState, { quantile }: Pbt, trial: Trial): Trial | null {
  const order = ranking(standingsAt(trials, trial.epoch, objectives));
  const share = Math.floor(order.length * quantile);
  const place = order.findIndex(({ id }) => id === trial.id);
  if (share === 0 || place < order.length - share) return null;
  const draw = stream(seed, 'pbt/parent').uniform(trial.epoch, trial.id);
  const parent = order[Math.floor(draw * share)];
  return parent ?? null;
}

/** Each setting anew with the probability `resample`, else times one of the factors; a choice moves to a neighbour. */
function varied(state: SearchState, method: Pbt, trial: Trial, parent: Trial): Values {
  const draw = stream(state.seed, 'pbt/explore');
  for (let attempt = 0; attempt < 100; attempt++) {
    const values: Record<string, Json> = { ...parent.values };
    for (const [index, { name, domain }] of state.space.parameters.entries()) {
      const [a, b, c] = draw.words(trial.epoch, trial.id * 1024 + index, attempt).map((word) => word / 2 ** 32);
      const anew = (a ?? 0) < method.resample;
      values[name] = anew ? fromUnit(domain, b ?? 0) : moved(domain, values[name] ?? null, method.factors, c ?? 0);
    }
    if (isOf(state.space, values)) return values;
  }
  return parent.values;
}

function moved(domain: Domain, value: Json, factors: Pbt['factors'], unit: number): Json {
  if (domain.kind === 'choice') {
    const at = domain.options.findIndex((option) => JSON.stringify(option) === JSON.stringify(value));
    const next = Math.min(domain.options.length - 1, Math.max(0, at + (unit < 0.5 ? -1 : 1)));
    return domain.options[next] ?? value;
  }
  const target = Number(value) * factors[unit < 0.5 ? 0 : 1];
  const inside = Math.min(domain.high, Math.max(domain.low, target));
  return valueAt(domain, position(domain, inside));
}
