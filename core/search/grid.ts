import type { Json } from '../canonical-json.ts';
import { fromUnit, isActive, satisfies, sizeOf } from './space.ts';
import type { Parameter, Space, Values } from './space.ts';

/** Every combination of the grid's values, the last parameter fastest; a parameter that is not there adds none. */
export function* gridProposals(space: Space): Generator<Values> {
  for (const values of combos(space.parameters, 0, {})) if (satisfies(space.constraints, values)) yield values;
}

function* combos(parameters: readonly Parameter[], index: number, values: Values): Generator<Values> {
  const parameter = parameters[index];
  if (parameter === undefined) yield values;
  else if (!isActive(parameter, values)) yield* combos(parameters, index + 1, values);
  else {
    for (const value of gridValues(parameter)) {
      yield* combos(parameters, index + 1, { ...values, [parameter.name]: value });
    }
  }
}

/** All values of a discrete domain, or `points` of them, evenly from end to end. */
export function gridValues({ domain, points, name }: Parameter): Json[] {
  if (domain.kind === 'choice') return [...domain.options];
  const size = sizeOf(domain);
  const count = Math.min(size, points ?? size);
  if (!Number.isFinite(count)) throw new Error(`a grid over ${name} needs a number of points`);
  if (count === size && points === null && domain.step !== null && !domain.log) {
    return Array.from({ length: size }, (_, i) => fromUnit(domain, (i + 0.5) / size));
  }
  const ends = (i: number): number => (count === 1 ? 0.5 : i / (count - 1));
  const values = Array.from({ length: count }, (_, i) => between({ domain, points, name, when: null }, ends(i)));
  return [...new Set(values)];
}

/** From `low` at 0 to `high` at 1, in the logarithm where `log`. */
function between({ domain }: Parameter, share: number): Json {
  if (domain.kind === 'choice') return null;
  const { low, high, log } = domain;
  const raw = log ? Math.exp(Math.log(low) + share * Math.log(high / low)) : low + share * (high - low);
  if (domain.step !== null) {
    const snapped = low + Math.round((raw - low) / domain.step) * domain.step;
    return Math.min(high, Number(snapped.toPrecision(12)));
  }
  return Number(Math.min(high, Math.max(low, raw)).toPrecision(12));
}
