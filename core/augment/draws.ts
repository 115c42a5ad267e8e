import { stream } from '../rng.ts';
import type { Words } from '../rng.ts';
import type { Range } from './settings.ts';

/**
 * Where the draws of one image come from: (seed, purpose, epoch, row index) and nothing else. Not the batch that the row
 * is in, nor its place there, nor what was drawn before.
 */
export interface RowAddress {
  readonly seed: number;
  readonly epoch: number;
  readonly index: number;
}

const WORDS = 0x1_0000_0000;

/** Four words of `stream(seed, 'augment/<purpose>')` at the row. */
export function rowWords({ seed, epoch, index }: RowAddress, purpose: string, block = 0): Words {
  return stream(seed, `augment/${purpose}`).words(epoch, index, block);
}

/** Four uniforms in [0, 1). */
export function rowUniforms(address: RowAddress, purpose: string, block = 0): Words {
  const [a, b, c, d] = rowWords(address, purpose, block);
  return [a / WORDS, b / WORDS, c / WORDS, d / WORDS];
}

/** [0, 1) → [min, max), evenly. */
export function between(u: number, [min, max]: Range): number {
  return min + u * (max - min);
}

/** [0, 1) → [min, max), evenly in the logarithm: twice and half are equally likely. Both bounds are positive. */
export function betweenLog(u: number, [min, max]: Range): number {
  return min === max ? min : Math.exp(between(u, [Math.log(min), Math.log(max)]));
}

/** [0, 1) → [−amount, amount). */
export function aroundZero(u: number, amount: number): number {
  return (2 * u - 1) * amount;
}

/** Sides of a box as shares of the picture's. */
export interface BoxShares {
  readonly width: number;
  readonly height: number;
}

/**
 * A box of a drawn area and a drawn aspect (width by height, relative to the picture's own), from two uniforms. The
 * aspect is kept where a box of that area fits into the picture, so nothing needs to be drawn again.
 */
export function drawBoxShares(
  [u, v]: readonly [number, number],
  { area, aspect }: { readonly area: Range; readonly aspect: Range },
): BoxShares {
  const share = between(u, area);
  const fits = (value: number): number => Math.min(Math.max(value, share), 1 / share);
  const ratio = betweenLog(v, [fits(aspect[0]), fits(aspect[1])]);
  return { width: Math.min(1, Math.sqrt(share * ratio)), height: Math.min(1, Math.sqrt(share / ratio)) };
}
