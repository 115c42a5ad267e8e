/**
 * The normal distribution function, to about 1e-15: Hart's rational approximation as G. West gives it, "Better
 * approximations to cumulative normal functions", Wilmott 2005.
 */
export function normalCdf(x: number): number {
  const z = Math.abs(x);
  if (z > 37) return x > 0 ? 1 : 0;
  const e = Math.exp((-z * z) / 2);
  let tail: number;
  if (z < 7.07106781186547) {
    const top = polynomial(z, TOP);
    tail = (e * top) / polynomial(z, BOTTOM);
  } else {
    tail = e / (z + 1 / (z + 2 / (z + 3 / (z + 4 / (z + 0.65))))) / 2.506628274631;
  }
  return x > 0 ? 1 - tail : tail;
}

const TOP = [
  0.0352624965998911, 0.700383064443688, 6.37396220353165, 33.912866078383, 112.079291497871, 221.213596169931,
  220.206867912376,
];
const BOTTOM = [
  0.0883883476483184, 1.75566716318264, 16.064177579207, 86.7807322029461, 296.564248779674, 637.333633378831,
  793.826512519948, 440.413735824752,
];

/** Coefficients from the highest power down. */
function polynomial(x: number, coefficients: readonly number[]): number {
  return coefficients.reduce((sum, coefficient) => sum * x + coefficient, 0);
}

/** P(a < Z < b), taken on the side where the tails do not cancel. */
export function normalMass(a: number, b: number): number {
  return a > 0 ? normalCdf(-a) - normalCdf(-b) : normalCdf(b) - normalCdf(a);
}

/** The point of the normal distribution cut to (low, high) below which a share `unit` of it lies. By bisection. */
export function truncatedNormal(mu: number, sigma: number, low: number, high: number, unit: number): number {
  const a = (low - mu) / sigma;
  const whole = normalMass(a, (high - mu) / sigma);
  let [left, right] = [low, high];
  for (let i = 0; i < 60; i++) {
    const middle = (left + right) / 2;
    if (normalMass(a, (middle - mu) / sigma) < unit * whole) left = middle;
    else right = middle;
  }
  return (left + right) / 2;
}
