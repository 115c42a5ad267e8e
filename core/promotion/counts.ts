/**
 * P(at least `wins` heads in `wins` + `losses` throws of a fair coin): McNemar's test in its exact, one-sided form
 * (McNemar, Psychometrika 12, 1947; the conditional binomial test). It looks at the images alone that one model gets
 * right and the other wrong. Up to 2,000 of them it is exact; above, the normal approximation with continuity
 * correction differs from it by less than 0.0005. 1 where there is no such image.
 */
export function coinTail(wins: number, losses: number): number {
  const throws = wins + losses;
  if (wins === 0) return 1;
  if (throws > 2000) return normalTail((wins - 0.5 - throws / 2) / (Math.sqrt(throws) / 2));
  // Terms of the tail from its first: C(n, k+1) = C(n, k) · (n − k) / (k + 1).
  let term = Math.exp(logChoose(throws, wins) - throws * Math.LN2);
  let sum = 0;
  for (let heads = wins; heads <= throws; heads++) {
    sum += term;
    term *= (throws - heads) / (heads + 1);
  }
  return Math.min(1, sum);
}

/** ln C(n, k) as a sum of logarithms: exact to rounding, and n is small here. */
function logChoose(n: number, k: number): number {
  let sum = 0;
  for (let i = 1; i <= Math.min(k, n - k); i++) sum += Math.log((n - i + 1) / i);
  return sum;
}

/** P(Z ≥ z) of a standard normal: Abramowitz and Stegun, 7.1.26, |error| < 1.5·10⁻⁷. */
export function normalTail(z: number): number {
  const x = Math.abs(z) / Math.SQRT2;
  const t = 1 / (1 + 0.3275911 * x);
  const series = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  const tail = (series * Math.exp(-x * x)) / 2;
  return z >= 0 ? tail : 1 - tail;
}

/** 97.5 % of a standard normal lies below it: the usual interval of 95 %. */
const Z_95 = 1.959963984540054;

/** Wilson's score interval of a share at 95 % (J. Am. Stat. Assoc. 22, 1927): sensible for few images and near 0 and 1. */
export function shareInterval(hits: number, of: number): { readonly lower: number; readonly upper: number } {
  if (of === 0) return { lower: 0, upper: 1 };
  const share = hits / of;
  const scale = 1 + Z_95 ** 2 / of;
  const middle = (share + Z_95 ** 2 / (2 * of)) / scale;
  const half = (Z_95 * Math.sqrt((share * (1 - share)) / of + Z_95 ** 2 / (4 * of ** 2))) / scale;
  return { lower: Math.max(0, middle - half), upper: Math.min(1, middle + half) };
}
