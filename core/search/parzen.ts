import type { Json } from '../canonical-json.ts';
import { normalMass, truncatedNormal } from './normal.ts';
import { interval, isAmong, position, valueAt } from './space.ts';
import type { Domain, Parameter, Values } from './space.ts';

/** A density over the parameters of a group: one kernel for each observation, and a wide one as prior. */
export interface ParzenEstimator {
  /** `unit` is a draw in [0, 1) for the parameter of that name; '' chooses the kernel. */
  sample(unit: (parameter: string) => number): Values;
  logDensity(values: Values): number;
}

/** For each kernel of a parameter: how to draw from it, and the logarithm of its density at a value. */
interface Kernels {
  draw(kernel: number, unit: number): Json;
  logAt(value: Json): Float64Array;
}

/**
 * Optuna's estimator (optuna 5.0 `samplers/_tpe/parzen_estimator.py`): a kernel is as wide as the gap to its further
 * neighbour, at least 1/min(100, n + 2) of the interval; a choice has the prior's weight spread over its options; older
 * observations beyond 25 fade.
 */
export function parzenEstimator(group: readonly Parameter[], observed: readonly Values[]): ParzenEstimator {
  const weights = normalized([...agedWeights(observed.length), 1]);
  const logWeights = weights.map(Math.log);
  const kernels = new Map(
    group.map(({ name, domain }) => {
      const values = observed.map((each) => each[name] ?? null);
      return [
        name,
        domain.kind === 'choice' ? choiceKernels(domain, values) : numberKernels(domain, values.map(Number)),
      ];
    }),
  );
  return {
    sample(unit) {
      const kernel = pick(weights, unit(''));
      return Object.fromEntries([...kernels].map(([name, each]) => [name, each.draw(kernel, unit(name))]));
    },
    logDensity(values) {
      const sums = Float64Array.from(logWeights);
      for (const [name, each] of kernels) {
        const logs = each.logAt(values[name] ?? null);
        for (let i = 0; i < sums.length; i++) sums[i] = (sums[i] ?? 0) + (logs[i] ?? 0);
      }
      return logSumExp(sums);
    },
  };
}

/** Ones, or for more than 25 a ramp from 1/n to 1 before the newest 25. */
export function agedWeights(count: number): number[] {
  if (count < 25) return Array.from({ length: count }, () => 1);
  const ramp = count - 25;
  const first = 1 / count;
  return Array.from({ length: count }, (_, i) => {
    if (i >= ramp) return 1;
    return ramp === 1 ? first : first + ((1 - first) * i) / (ramp - 1);
  });
}

function choiceKernels(domain: Extract<Domain, { kind: 'choice' }>, observed: readonly Json[]): Kernels {
  const { options } = domain;
  const kernels = observed.length + 1;
  const rows = [...observed, undefined].map((value) => {
    if (observed.length === 0) return options.map(() => 1 / options.length);
    return normalized(options.map((option) => 1 / kernels + (value !== undefined && isAmong(value, [option]) ? 1 : 0)));
  });
  return {
    draw: (kernel, unit) => options[pick(rows[kernel] ?? [], unit)] ?? null,
    logAt(value) {
      const index = options.findIndex((option) => isAmong(value, [option]));
      return Float64Array.from(rows, (row) => Math.log(row[index] ?? 1e-300));
    },
  };
}

function numberKernels(domain: Exclude<Domain, { kind: 'choice' }>, observed: readonly number[]): Kernels {
  const { low, high } = interval(domain);
  const centres = observed.map((value) => position(domain, value));
  const mus = [...centres, (low + high) / 2];
  const sigmas = [...widths(centres, low, high), high - low];
  // The share of each kernel that lies inside does not hang on the value.
  const inside = mus.map((mu, i) => Math.log(massOf(low, high, mu, sigmas[i] ?? 1)));
  return {
    draw: (kernel, unit) => valueAt(domain, truncatedNormal(mus[kernel] ?? 0, sigmas[kernel] ?? 1, low, high, unit)),
    logAt(value) {
      const at = cell(domain, Number(value));
      return Float64Array.from(mus, (mu, i) => {
        const sigma = sigmas[i] ?? 1;
        const log =
          at.width === 0
            ? -0.5 * ((at.low - mu) / sigma) ** 2 - Math.log(sigma) - LOG_ROOT_TWO_PI
            : Math.log(massOf(at.low, at.low + at.width, mu, sigma));
        return log - (inside[i] ?? 0);
      });
    },
  };
}

const LOG_ROOT_TWO_PI = 0.5 * Math.log(2 * Math.PI);

const massOf = (low: number, high: number, mu: number, sigma: number): number =>
  Math.max(1e-300, normalMass((low - mu) / sigma, (high - mu) / sigma));

/** What stands for a value: a point of a continuous domain, its cell in one with steps. */
function cell(domain: Exclude<Domain, { kind: 'choice' }>, value: number): { low: number; width: number } {
  if (domain.step === null) return { low: position(domain, value), width: 0 };
  const half = domain.step / 2;
  const ends = interval(domain);
  const below = domain.log ? Math.log(Math.max(value - half, value / 2)) : value - half;
  const low = Math.max(ends.low, below);
  return { low, width: position(domain, value + half) - low };
}

function widths(centres: readonly number[], low: number, high: number): number[] {
  const order = centres.map((_, i) => i).sort((a, b) => (centres[a] ?? 0) - (centres[b] ?? 0) || a - b);
  const sorted = [low, ...order.map((i) => centres[i] ?? 0), high];
  const least = (high - low) / Math.min(100, centres.length + 2);
  const found = centres.map(() => 0);
  order.forEach((index, place) => {
    const before = (sorted[place + 1] ?? 0) - (sorted[place] ?? 0);
    const after = (sorted[place + 2] ?? 0) - (sorted[place + 1] ?? 0);
    // The outermost look inward: an end of the interval is no neighbour.
    const alone = centres.length === 1;
    const gap = !alone && place === 0 ? after : !alone && place === order.length - 1 ? before : Math.max(before, after);
    found[index] = Math.min(high - low, Math.max(least, gap));
  });
  return found;
}

function pick(weights: readonly number[], unit: number): number {
  let sum = 0;
  for (const [index, weight] of weights.entries()) {
    sum += weight;
    if (unit < sum) return index;
  }
  return weights.length - 1;
}

function normalized(weights: readonly number[]): number[] {
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => weight / sum);
}

function logSumExp(logs: Float64Array): number {
  let most = -Infinity;
  for (const log of logs) most = Math.max(most, log);
  let sum = 0;
  for (const log of logs) sum += Math.exp(log - most);
  return most + Math.log(sum);
}
