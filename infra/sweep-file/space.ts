import type { ConstraintConfig, ParameterConfig, SpaceConfig } from '../../contracts/sweep-config.ts';
import type { Json } from '../../core/canonical-json.ts';
import type { GraftError } from '../../core/errors.ts';
import { SOBOL_DIMENSIONS } from '../../core/search/sobol.ts';
import type { SamplerKind, SearchMethod } from '../../core/search/method.ts';
import { randomProposal } from '../../core/search/propose.ts';
import { sizeOf } from '../../core/search/space.ts';
import type { Condition, Constraint, Domain, Parameter, Space } from '../../core/search/space.ts';
import { problem, shown } from '../pipeline-file/problems.ts';
import type { Path } from '../pipeline-file/yaml-source.ts';

type Place = (path: Path) => string;

export interface SpaceContext {
  readonly place: Place;
}

/** A space from what a person wrote, and everything that is wrong with it. */
export function readSpace(
  config: SpaceConfig,
  constraints: readonly ConstraintConfig[],
  { place }: SpaceContext,
): { space: Space; problems: GraftError[] } {
  const problems: GraftError[] = [];
  const parameters: Parameter[] = [];
  for (const [name, each] of Object.entries(config)) {
    const parameter = parameterOf(name, each);
    parameters.push(parameter);
    problems.push(...wrongParameter(parameter, config, place));
  }
  const sorted = parentsFirst(parameters);
  if (sorted === null) {
    const seen = 'conditions that go in a circle';
    problems.push(problem('SPACE_CONDITION', { where: place(['space']), seen, expected: 'parents and children' }));
  }
  const read = constraints.map(constraintOf);
  for (const [index, constraint] of read.entries()) {
    const unknown = namesOf(constraint).find((name) => !(name in config));
    if (unknown === undefined) continue;
    const seen = `${unknown} is not in the space`;
    problems.push(
      problem('SPACE_CONSTRAINT', { where: place(['constraints', index]), seen, remedy: 'correct or remove it' }),
    );
  }
  const space = { parameters: sorted ?? parameters, constraints: read };
  return { space, problems: problems.length > 0 ? problems : unusable(space, place) };
}

function parameterOf(name: string, config: ParameterConfig): Parameter {
  const when = config.when ? conditionOf(config.when) : null;
  return { name, domain: domainOf(config), when, points: config.points ?? null };
}

function wrongParameter({ name, domain, when }: Parameter, config: SpaceConfig, place: Place): GraftError[] {
  const found: GraftError[] = [];
  if (domain.kind !== 'choice' && domain.low >= domain.high) {
    const parts = { seen: `from ${domain.low} to ${domain.high}`, expected: 'low below high' };
    found.push(problem('SPACE_EMPTY', { where: place(['space', name]), ...parts, remedy: 'swap or widen them' }));
  }
  for (const [parent, values] of Object.entries(when ?? {})) {
    const options = config[parent]?.choice;
    const missing = values.find((value) => !(options ?? []).some((option) => equal(option, value)));
    if (options !== undefined && missing === undefined) continue;
    const seen =
      options === undefined
        ? `${parent} is not a choice of the space`
        : `${shown(missing)} is none of ${parent}’s choices`;
    const where = place(['space', name, 'when', parent]);
    found.push(problem('SPACE_CONDITION', { where, seen, remedy: 'correct it' }));
  }
  return found;
}

function unusable(space: Space, place: Place): GraftError[] {
  if (space.parameters.length === 0) {
    const parts = { seen: 'no parameters', expected: 'at least one', remedy: 'name a key of the pipeline file' };
    return [problem('SPACE_EMPTY', { where: place(['space']), ...parts })];
  }
  if (randomProposal(space, 1, 0) !== null) return [];
  const seen = 'none of 1,000 random draws keeps to the constraints';
  const parts = { seen, expected: 'settings that are allowed', remedy: 'loosen them' };
  return [problem('SPACE_CONTRADICTION', { where: place(['constraints']), ...parts })];
}

const equal = (a: Json, b: Json): boolean => JSON.stringify(a) === JSON.stringify(b);

function domainOf({ choice, uniform, log, int, logInt, step }: ParameterConfig): Domain {
  if (choice) return { kind: 'choice', options: choice };
  const [low, high] = uniform ?? log ?? int ?? logInt ?? [0, 0];
  if (int ?? logInt) return { kind: 'int', low, high, log: logInt !== undefined, step: step ?? 1 };
  return { kind: 'float', low, high, log: log !== undefined, step: step ?? null };
}

const conditionOf = (written: Readonly<Record<string, Json | readonly Json[]>>): Condition =>
  Object.fromEntries(
    Object.entries(written).map(([name, values]) => [
      name,
      Array.isArray(values) ? (values as readonly Json[]) : [values as Json],
    ]),
  );

const weightsOf = (names: readonly string[] | Readonly<Record<string, number>>): Readonly<Record<string, number>> =>
  isNames(names) ? Object.fromEntries(names.map((name) => [name, 1])) : names;

const isNames = (names: readonly string[] | Readonly<Record<string, number>>): names is readonly string[] =>
  Array.isArray(names);

function constraintOf(config: ConstraintConfig): Constraint {
  if ('forbid' in config) return { kind: 'forbid', values: conditionOf(config.forbid) };
  if ('ordered' in config) return { kind: 'ordered', names: config.ordered };
  if ('sum' in config) return { kind: 'sum', weights: weightsOf(config.sum), atMost: config.atMost };
  return { kind: 'product', weights: weightsOf(config.product), atMost: config.atMost };
}

function namesOf(constraint: Constraint): readonly string[] {
  if (constraint.kind === 'forbid') return Object.keys(constraint.values);
  return constraint.kind === 'ordered' ? constraint.names : Object.keys(constraint.weights);
}

/** Null where they go in a circle. */
function parentsFirst(parameters: readonly Parameter[]): Parameter[] | null {
  const sorted: Parameter[] = [];
  let rest = [...parameters];
  while (rest.length > 0) {
    const waiting = new Set(rest.map(({ name }) => name));
    const free = rest.filter(({ when }) => Object.keys(when ?? {}).every((parent) => !waiting.has(parent)));
    if (free.length === 0) return null;
    sorted.push(...free);
    rest = rest.filter((parameter) => !free.includes(parameter));
  }
  return sorted;
}

/** What can be changed while a training goes on: nothing that the network's weights or the data hang on. */
const MOVABLE =
  /^(train\.optimizer\.(?!kind$)\w+|train\.labelSmoothing|train\.backboneRate|model\.dropout|augment\..+)$/;

/** What a method can't do with a space (SEARCH_UNSUITED). */
export function unsuited(method: SearchMethod, space: Space, { place }: SpaceContext): GraftError[] {
  const found: GraftError[] = [];
  const refuse = (path: Path, seen: string, remedy: string): void => {
    found.push(problem('SEARCH_UNSUITED', { where: place(path), seen, remedy }));
  };
  const sampler: SamplerKind =
    'sampler' in method ? method.sampler.kind : method.kind === 'pbt' ? 'random' : method.kind;
  for (const { name, domain, when, points } of space.parameters) {
    if (sampler === 'grid' && points === null && sizeOf(domain) > 1000) {
      refuse(['space', name], `a grid over ${sizeOf(domain)} values`, 'give it points, or another search.kind');
    }
    if (method.kind !== 'pbt') continue;
    if (when !== null)
      refuse(
        ['space', name, 'when'],
        'pbt can’t use a conditional parameter: it changes settings while they train',
        'take the condition out, or another search.kind',
      );
    else if (!MOVABLE.test(name))
      refuse(['space', name], `pbt can’t change ${name} while a network trains`, 'take it out, or another search.kind');
  }
  if (sampler === 'sobol' && space.parameters.length > SOBOL_DIMENSIONS) {
    refuse(
      ['space'],
      `${space.parameters.length} parameters`,
      `Sobol points have ${SOBOL_DIMENSIONS} at most: another search.kind`,
    );
  }
  return found;
}
