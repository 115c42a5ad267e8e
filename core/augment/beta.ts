import type { RowAddress } from './draws.ts';
import { rowUniforms } from './draws.ts';

/** More than 95 % of the attempts succeed, so that 16 in a row fail once in 10^20 draws. */
const ATTEMPTS = 16;

/**
 * A draw from Beta(alpha, alpha) as the share of one of two gamma variates (Marsaglia and Tsang, "A Simple Method for
 * Generating Gamma Variables", ACM TOMS 26:3, 2000). In logarithms, because both are zero in floating point for a small
 * alpha. Block i of the purpose is attempt i of the first, block 16 + i of the second.
 */
export function drawBeta(address: RowAddress, purpose: string, alpha: number): number {
  const own = logGamma(address, purpose, alpha, 0);
  const other = logGamma(address, purpose, alpha, ATTEMPTS);
  return 1 / (1 + Math.exp(other - own));
}

/**
 * The logarithm of a Gamma(alpha) variate: of Gamma(alpha + 1) · u^(1/alpha) (there, §6), which has the same
 * distribution. Words 0 to 2 of a block are an attempt; word 3 of the first block is u.
 */
function logGamma(address: RowAddress, purpose: string, alpha: number, firstBlock: number): number {
  const d = alpha + 1 - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  const power = Math.log(open(rowUniforms(address, purpose, firstBlock)[3])) / alpha;
  for (let block = firstBlock; block < firstBlock + ATTEMPTS; block++) {
    const [a, b, u] = rowUniforms(address, purpose, block);
    const normal = Math.sqrt(-2 * Math.log(open(a))) * Math.cos(2 * Math.PI * b);
    const v = (1 + c * normal) ** 3;
    if (v > 0 && Math.log(open(u)) < (normal * normal) / 2 + d * (1 - v + Math.log(v))) return Math.log(d * v) + power;
  }
  return Math.log(d) + power;
}

/** [0, 1) in steps of 2^−32 → (0, 1). */
function open(u: number): number {
  return u + 2 ** -33;
}
