import type { Json } from '../canonical-json.ts';
import { canonicalJson } from '../canonical-json.ts';

/** The values of one trial by parameter; only those of parameters that are active under the others. */
export type Values = Readonly<Record<string, Json>>;

/**
 * What a parameter may be. `float` and `int` include both ends; with `log` they are even in the logarithm; a `step`
 * counts from `low` (a step of `null` is none).
 */
export type Domain =
  | {
      readonly kind: 'float';
      readonly low: number;
      readonly high: number;
      readonly log: boolean;
      readonly step: number | null;
    }
  | {
      readonly kind: 'int';
      readonly low: number;
      readonly high: number;
      readonly log: boolean;
      readonly step: number;
    }
  | { readonly kind: 'choice'; readonly options: readonly Json[] };

/** A parameter is there only where each named parameter is there and has one of these values. */
export type Condition = Readonly<Record<string, readonly Json[]>>;

export interface Parameter {
  readonly name: string;
  readonly domain: Domain;
  readonly when: Condition | null;
  /** How many values a grid takes of it; null for all there are. */
  readonly points: number | null;
}

/** What a trial must keep to; a constraint on parameters that are not all there holds. */
export type Constraint =
  | { readonly kind: 'forbid'; readonly values: Condition }
  | { readonly kind: 'sum' | 'product'; readonly weights: Readonly<Record<string, number>>; readonly atMost: number }
  /** Each at most the next. */
  | { readonly kind: 'ordered'; readonly names: readonly string[] };

export interface Space {
  /** Parents before those that hang on them. */
  readonly parameters: readonly Parameter[];
  readonly constraints: readonly Constraint[];
}

const same = (a: Json | undefined, b: Json): boolean => a !== undefined && canonicalJson(a) === canonicalJson(b);

export function isAmong(value: Json | undefined, options: readonly Json[]): boolean {
  return options.some((option) => same(value, option));
}

/** Whether a parameter is there, given the values of its parents. */
export function isActive({ when }: Parameter, values: Values): boolean {
  return when === null || Object.entries(when).every(([name, options]) => isAmong(values[name], options));
}

export function satisfies(constraints: readonly Constraint[], values: Values): boolean {
  return constraints.every((constraint) => holds(constraint, values));
}

function holds(constraint: Constraint, values: Values): boolean {
  switch (constraint.kind) {
    case 'forbid':
      return !Object.entries(constraint.values).every(([name, options]) => isAmong(values[name], options));
    case 'ordered': {
      const numbers = constraint.names.map((name) => values[name]);
      return numbers.every((value, index) => {
        const next = numbers[index + 1];
        return typeof value !== 'number' || typeof next !== 'number' || value <= next;
      });
    }
    case 'sum':
    case 'product': {
      const factors = Object.entries(constraint.weights).map(([name, weight]) => [values[name], weight] as const);
      if (factors.some(([value]) => typeof value !== 'number')) return true;
      const numbers = factors.map(([value, weight]) => [Number(value), weight] as const);
      const total =
        constraint.kind === 'sum'
          ? numbers.reduce((sum, [value, weight]) => sum + value * weight, 0)
          : numbers.reduce((product, [value, weight]) => product * value ** weight, 1);
      return total <= constraint.atMost;
    }
  }
}

/** The interval that numbers are drawn from and densities live on: half a step beyond the ends, in the logarithm where `log`. */
export function interval(domain: Exclude<Domain, { kind: 'choice' }>): { low: number; high: number } {
  const half = (domain.step ?? 0) / 2;
  const [low, high] = [domain.low - half, domain.high + half];
  if (!domain.log) return { low, high };
  return { low: Math.log(Math.max(low, domain.low / 2)), high: Math.log(high) };
}

/** The number on that interval that stands for a value. */
export const position = (domain: Exclude<Domain, { kind: 'choice' }>, value: number): number =>
  domain.log ? Math.log(value) : value;

/** The nearest allowed value to a position. */
export function valueAt(domain: Exclude<Domain, { kind: 'choice' }>, at: number): number {
  const raw = domain.log ? Math.exp(at) : at;
  const { low, high, step } = domain;
  if (step === null) return Math.min(high, Math.max(low, raw));
  const steps = Math.min(Math.floor((high - low) / step + 1e-9), Math.max(0, Math.round((raw - low) / step)));
  const value = low + steps * step;
  return domain.kind === 'int' ? Math.round(value) : Number(value.toPrecision(12));
}

/** A value from a number in [0, 1): what uniform draws and Sobol points become. */
export function fromUnit(domain: Domain, unit: number): Json {
  if (domain.kind === 'choice') {
    return domain.options[Math.min(domain.options.length - 1, Math.floor(unit * domain.options.length))] ?? null;
  }
  const { low, high } = interval(domain);
  return valueAt(domain, low + unit * (high - low));
}

/** Where a value lies in [0, 1]: for plots and for importance. 0.5 for one that the domain does not have. */
export function toUnit(domain: Domain, value: Json | undefined): number {
  if (domain.kind === 'choice') {
    const index = domain.options.findIndex((option) => same(value, option));
    return index < 0 ? 0.5 : (index + 0.5) / domain.options.length;
  }
  if (typeof value !== 'number') return 0.5;
  const { low, high } = interval(domain);
  return high === low ? 0.5 : Math.min(1, Math.max(0, (position(domain, value) - low) / (high - low)));
}

export function contains(domain: Domain, value: Json | undefined): boolean {
  if (domain.kind === 'choice') return isAmong(value, domain.options);
  if (typeof value !== 'number' || value < domain.low || value > domain.high) return false;
  return domain.step === null || Math.abs(valueAt(domain, position(domain, value)) - value) < 1e-9 * domain.step;
}

/** How many values a domain has; Infinity for a continuous one. */
export function sizeOf(domain: Domain): number {
  if (domain.kind === 'choice') return domain.options.length;
  return domain.step === null ? Infinity : Math.floor((domain.high - domain.low) / domain.step + 1e-9) + 1;
}

/** Values from the parameters that are active, in order; null where a constraint is broken. */
export function assemble(space: Space, draw: (parameter: Parameter, values: Values) => Json): Values | null {
  const values: Record<string, Json> = {};
  for (const parameter of space.parameters) {
    if (isActive(parameter, values)) values[parameter.name] = draw(parameter, values);
  }
  return satisfies(space.constraints, values) ? values : null;
}

/** Whether these values are a trial of this space: each active parameter has a value of its domain, and no other has one. */
export function isOf(space: Space, values: Values): boolean {
  const active = space.parameters.filter((parameter) => isActive(parameter, values));
  return (
    active.length === Object.keys(values).length &&
    active.every(({ name, domain }) => contains(domain, values[name])) &&
    satisfies(space.constraints, values)
  );
}

/** Equal values have equal text. */
export const valuesKey = (values: Values): string => canonicalJson(values);
