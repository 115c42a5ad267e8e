import { purposeWord, stream } from '../rng.ts';
import { gridProposals } from './grid.ts';
import type { Sampler } from './method.ts';
import type { SearchState } from './searcher.ts';
import { sobolProposal } from './sobol.ts';
import { assemble, fromUnit, isActive, sizeOf, valuesKey } from './space.ts';
import type { Space, Values } from './space.ts';
import { tpeProposal } from './tpe.ts';

export interface Proposal {
  readonly values: Values;
  /** The state's `drawn` from now on. */
  readonly drawn: number;
}

/** Draws that are given up on constraints, and on settings that a discrete space has tried already. */
const ATTEMPTS = 1000;

/** The next settings to try; null where there are none left, or none that the constraints allow. */
export function propose(state: SearchState, sampler: Sampler): Proposal | null {
  const { drawn } = state;
  // Draws hardly meet twice in a fine space, and need not be looked for; the points of a grid are always the same ones.
  const isNew = noveltyOf(state, sampler.kind === 'grid' ? Number.POSITIVE_INFINITY : MANY);
  switch (sampler.kind) {
    case 'grid':
      for (const values of gridProposals(state.space)) if (isNew(values)) return { values, drawn: drawn + 1 };
      return null;
    case 'sobol':
      for (let skipped = 0; skipped < ATTEMPTS; skipped++) {
        const values = sobolProposal(state.space, state.seed, drawn + skipped);
        if (values && isNew(values)) return { values, drawn: drawn + skipped + 1 };
      }
      return null;
    case 'tpe': {
      const values = tpeProposal(state, sampler, isNew) ?? randomProposal(state.space, state.seed, drawn, isNew);
      return values && { values, drawn: drawn + 1 };
    }
    case 'random': {
      const values = randomProposal(state.space, state.seed, drawn, isNew);
      return values && { values, drawn: drawn + 1 };
    }
  }
}

/** A parameter with more values than this does not come twice by chance. */
const MANY = 1000;

/** The same settings again would only be the same training again. */
function noveltyOf({ space, trials, wanted }: SearchState, most: number): (values: Values) => boolean {
  const fine = new Set(space.parameters.flatMap(({ name, domain }) => (sizeOf(domain) > most ? [name] : [])));
  let tried: Set<string> | null = null;
  return (values) => {
    if (Object.keys(values).some((name) => fine.has(name))) return true;
    tried ??= new Set([...trials.map((trial) => trial.values), ...wanted].map(valuesKey));
    return !tried.has(valuesKey(values));
  };
}

/** Even draws at the address of proposal `index`; a parameter's draw does not change when others come or go. */
export function randomProposal(
  space: Space,
  seed: number,
  index: number,
  isNew: (values: Values) => boolean = () => true,
): Values | null {
  const draw = stream(seed, 'search/random');
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const values = assemble(space, ({ name, domain }) =>
      fromUnit(domain, draw.uniform(index, purposeWord(name), attempt)),
    );
    if (values && isNew(values)) return values;
  }
  return null;
}

/** How many different trials a space has at most, constraints aside; Infinity for a continuous one. */
export function combinations(space: Space): number {
  const count = (index: number, values: Values): number => {
    const parameter = space.parameters[index];
    if (parameter === undefined) return 1;
    if (!isActive(parameter, values)) return count(index + 1, values);
    const isParent = space.parameters.some(({ when }) => when !== null && parameter.name in when);
    if (parameter.domain.kind !== 'choice' || !isParent) return sizeOf(parameter.domain) * count(index + 1, values);
    return parameter.domain.options.reduce<number>(
      (sum, option) => sum + count(index + 1, { ...values, [parameter.name]: option }),
      0,
    );
  };
  return count(0, {});
}
