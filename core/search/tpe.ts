import { purposeWord, stream } from '../rng.ts';
import { canonicalJson } from '../canonical-json.ts';
import type { Sampler } from './method.ts';
import { parzenEstimator } from './parzen.ts';
import type { SearchState } from './searcher.ts';
import { contains, isActive, satisfies } from './space.ts';
import type { Parameter, Values } from './space.ts';
import { lastReport, lossOf, ranking } from './trials.ts';
import type { Trial } from './trials.ts';

type Tpe = Extract<Sampler, { kind: 'tpe' }>;

/**
 * The tree-structured Parzen estimator (Bergstra et al., NIPS 2011), in Optuna's multivariate form with grouped spaces:
 * parameters that are there under the same condition are modelled together, parents first. Trials are divided into the
 * min(⌈0.1 n⌉, 25) best and the rest; of draws from the density of the best the one with the highest ratio wins. Null
 * before `startup` results, and where no draw is new and allowed.
 */
export function tpeProposal(state: SearchState, method: Tpe, isNew: (values: Values) => boolean): Values | null {
  const { best, rest, results } = divided(state);
  if (results < method.startup) return null;
  for (let attempt = 0; attempt < 20; attempt++) {
    let values: Values = {};
    for (const group of groups(state.space.parameters)) {
      if (group.every((parameter) => isActive(parameter, values))) {
        values = { ...values, ...drawGroup(state, method, group, { best, rest }, attempt) };
      }
    }
    if (satisfies(state.space.constraints, values) && isNew(values)) return values;
  }
  return null;
}

/** By condition, in the order of the space. */
function groups(parameters: readonly Parameter[]): Parameter[][] {
  const found = new Map<string, Parameter[]>();
  for (const parameter of parameters) {
    const key = parameter.when === null ? '' : canonicalJson(parameter.when);
    found.set(key, [...(found.get(key) ?? []), parameter]);
  }
  return [...found.values()];
}

interface Divided {
  readonly best: readonly Trial[];
  /** The others, those under way and those that failed among them: they tell where not to go. */
  readonly rest: readonly Trial[];
}

function divided({ trials, objectives }: SearchState): Divided & { readonly results: number } {
  const done = trials.filter((trial) => trial.reports.length > 0 && trial.state !== 'failed');
  // Those that came further tell more: a trial that was given up early counts behind all that were not.
  const reached = (trial: Trial): number => lastReport(trial)?.epoch ?? 0;
  const byDepth = [...new Set(done.map(reached))].sort((a, b) => b - a);
  const order = byDepth.flatMap((epoch) =>
    ranking(
      done
        .filter((trial) => reached(trial) === epoch)
        .map((trial) => ({ item: trial, losses: lossOf(lastReport(trial)?.values ?? [], objectives) })),
    ),
  );
  const count = Math.min(Math.ceil(0.1 * done.length), 25);
  const best = new Set(order.slice(0, count).map(({ id }) => id));
  return {
    results: done.length,
    best: trials.filter(({ id }) => best.has(id)),
    rest: trials.filter(({ id }) => !best.has(id)),
  };
}

function drawGroup(
  state: SearchState,
  method: Tpe,
  group: readonly Parameter[],
  split: Divided,
  attempt: number,
): Values {
  const seen = (trials: readonly Trial[]): Values[] =>
    trials
      .map(({ values }) => values)
      .filter((values) => group.every(({ name, domain }) => contains(domain, values[name])));
  const good = parzenEstimator(group, seen(split.best));
  const bad = parzenEstimator(group, seen(split.rest));
  const draw = stream(state.seed, 'search/tpe');
  const word = purposeWord(group.map(({ name }) => name).join());
  let chosen: { readonly values: Values; readonly score: number } | null = null;
  for (let candidate = 0; candidate < method.candidates; candidate++) {
    const at = attempt * method.candidates + candidate;
    const values = good.sample((parameter) => draw.uniform(state.drawn, (word ^ purposeWord(parameter)) >>> 0, at));
    const score = good.logDensity(values) - bad.logDensity(values);
    if (chosen === null || score > chosen.score) chosen = { values, score };
  }
  return chosen?.values ?? {};
}
