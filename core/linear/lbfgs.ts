/** A smooth function: its value at `x`, with the gradient written to `gradient`. */
export type Objective = (x: Float64Array, gradient: Float64Array) => number;

export interface Iteration {
  readonly iteration: number;
  readonly value: number;
  /** Largest absolute entry of the gradient. */
  readonly gradientMax: number;
}

export interface MinimizeOptions {
  /** Done where no entry of the gradient is larger. */
  readonly tolerance: number;
  readonly maxIterations: number;
}

/** Pairs of steps and gradient differences that stand for the curvature. */
const MEMORY = 10;
const ARMIJO = 1e-4;
const CURVATURE = 0.9;
const LINE_TRIES = 50;

/**
 * Minimizes a smooth convex function by limited-memory BFGS (Nocedal and Wright, Numerical Optimization, algorithms 7.4
 * and 7.5), with a line search by bisection for the weak Wolfe conditions (Lewis and Overton 2013, algorithm 2.6). `x` is
 * where it begins and, in the end, the minimum. Yields after every iteration, so that whoever runs it may pause or stop.
 */
export function* minimize(
  objective: Objective,
  x: Float64Array,
  { tolerance, maxIterations }: MinimizeOptions,
): Generator<Iteration, void, undefined> {
  const pairs: { readonly s: Float64Array; readonly y: Float64Array; readonly rho: number }[] = [];
  let gradient: Float64Array = new Float64Array(x.length);
  let value = objective(x, gradient);
  for (let iteration = 1; iteration <= maxIterations; iteration++) {
    if (largest(gradient) <= tolerance) return;
    const direction = twoLoop(pairs, gradient);
    const slope = dot(direction, gradient);
    // The first direction is the gradient itself, in no unit of x.
    const first = pairs.length === 0 ? Math.min(1, 1 / Math.sqrt(-slope)) : 1;
    const found = lineSearch(objective, { x, direction, value, slope, first });
    if (found === null) return;
    const s = direction.map((each) => each * found.step);
    const y = found.gradient.map((each, i) => each - (gradient[i] ?? 0));
    for (let i = 0; i < x.length; i++) x[i] = (x[i] ?? 0) + (s[i] ?? 0);
    const curvature = dot(s, y);
    if (curvature > 1e-12 * Math.sqrt(dot(s, s) * dot(y, y))) pairs.push({ s, y, rho: 1 / curvature });
    if (pairs.length > MEMORY) pairs.shift();
    ({ value, gradient } = found);
    yield { iteration, value, gradientMax: largest(gradient) };
  }
}

/** −H·gradient, with the inverse Hessian H as the pairs say. */
function twoLoop(
  pairs: readonly { readonly s: Float64Array; readonly y: Float64Array; readonly rho: number }[],
  gradient: Float64Array,
): Float64Array {
  const q = gradient.map((each) => -each);
  const alphas: number[] = [];
  for (const { s, y, rho } of pairs.toReversed()) {
    const alpha = rho * dot(s, q);
    alphas.push(alpha);
    addScaled(q, y, -alpha);
  }
  const last = pairs.at(-1);
  if (last) {
    const scale = 1 / (last.rho * dot(last.y, last.y));
    for (let i = 0; i < q.length; i++) q[i] = (q[i] ?? 0) * scale;
  }
  for (const { s, y, rho } of pairs) {
    const beta = rho * dot(y, q);
    addScaled(q, s, (alphas.pop() ?? 0) - beta);
  }
  return q;
}

interface Line {
  readonly x: Float64Array;
  readonly direction: Float64Array;
  readonly value: number;
  readonly slope: number;
  readonly first: number;
}

/** A step that lowers the value enough and flattens the slope; null where rounding allows none: the minimum is reached. */
function lineSearch(
  objective: Objective,
  { x, direction, value: start, slope, first }: Line,
): { readonly step: number; readonly value: number; readonly gradient: Float64Array } | null {
  if (!(slope < 0)) return null;
  let [low, high, step] = [0, Number.POSITIVE_INFINITY, first];
  const at = new Float64Array(x.length);
  for (let tries = 0; tries < LINE_TRIES; tries++) {
    for (let i = 0; i < x.length; i++) at[i] = (x[i] ?? 0) + step * (direction[i] ?? 0);
    const gradient = new Float64Array(x.length);
    const value = objective(at, gradient);
    if (!(value <= start + ARMIJO * step * slope)) high = step;
    else if (dot(gradient, direction) < CURVATURE * slope) low = step;
    else return { step, value, gradient };
    step = Number.isFinite(high) ? (low + high) / 2 : 2 * low;
  }
  return null;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] ?? 0) * (b[i] ?? 0);
  return sum;
}

function addScaled(to: Float64Array, from: Float64Array, factor: number): void {
  for (let i = 0; i < to.length; i++) to[i] = (to[i] ?? 0) + factor * (from[i] ?? 0);
}

function largest(values: Float64Array): number {
  return values.reduce((max, each) => Math.max(max, Math.abs(each)), 0);
}
