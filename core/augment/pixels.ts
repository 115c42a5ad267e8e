import type { RowAddress } from './draws.ts';
import { between, drawBoxShares, rowUniforms, rowWords } from './draws.ts';
import type { AugmentSettings, MixSettings } from './settings.ts';
import { drawBeta } from './beta.ts';
import type { Size } from './transform.ts';

/** A box of whole pixels: those with y0 ≤ y < y1 and x0 ≤ x < x1. */
export type PixelBox = readonly [y0: number, x0: number, y1: number, x1: number];

export const NO_PIXELS: PixelBox = [0, 0, 0, 0];

/** Standard deviation of an image's blur; 0 for none. */
export function drawBlurSigma({ blur }: AugmentSettings, address: RowAddress): number {
  if (blur === null) return 0;
  const [chance, sigma] = rowUniforms(address, 'blur');
  return chance < blur.probability ? between(sigma, blur.sigmaPx) : 0;
}

/** 2·radius + 1 weights of a Gaussian with the sum 1; for a sigma of 0 the middle pixel alone. */
export function gaussianTaps(sigmaPx: number, radiusPx: number): number[] {
  const distances = Array.from({ length: 2 * radiusPx + 1 }, (_, i) => i - radiusPx);
  if (sigmaPx === 0) return distances.map((distance) => (distance === 0 ? 1 : 0));
  const weights = distances.map((distance) => Math.exp(-(distance * distance) / (2 * sigmaPx * sigmaPx)));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => weight / sum);
}

/** Standard deviation (0 for none) and two 32-bit words that seed the image's own noise. */
export function drawNoise(
  { noise }: AugmentSettings,
  address: RowAddress,
): { readonly level: number; readonly seed: readonly [number, number] } {
  const [chance, level] = rowUniforms(address, 'noise');
  const [, , first, second] = rowWords(address, 'noise');
  const happens = noise !== null && chance < noise.probability;
  return { level: happens ? level * noise.standardDeviation : 0, seed: [first | 0, second | 0] };
}

/** The box that is erased. */
export function drawEraseBox({ erase }: AugmentSettings, address: RowAddress, size: Size): PixelBox {
  if (erase === null) return NO_PIXELS;
  const [chance, area, aspect] = rowUniforms(address, 'erase');
  if (chance >= erase.probability) return NO_PIXELS;
  const shares = drawBoxShares([area, aspect], erase);
  const [left, top] = rowUniforms(address, 'erase', 1);
  const width = Math.max(1, Math.round(shares.width * size.widthPx));
  const height = Math.max(1, Math.round(shares.height * size.heightPx));
  const x = Math.floor(left * (size.widthPx - width + 1));
  const y = Math.floor(top * (size.heightPx - height + 1));
  return [y, x, y + height, x + width];
}

/** How an image is mixed with the next of its batch: at most one of the two ways. */
export interface Mix {
  /** The image's own share in a blend of all pixels; 1 for none. */
  readonly blendShare: number;
  /** The box that shows the partner instead. */
  readonly box: PixelBox;
  /** The image's own share of the target. */
  readonly targetShare: number;
}

const UNMIXED: Mix = { blendShare: 1, box: NO_PIXELS, targetShare: 1 };

/**
 * One number decides between mixup, cutmix and neither, so their probabilities must not exceed 1 in sum (the
 * configuration is checked). The share is the row's own draw: which image is mixed in is the batch's business.
 */
export function drawMix({ mixup, cutmix }: AugmentSettings, address: RowAddress, size: Size): Mix {
  const [chance] = rowUniforms(address, 'mix');
  const mixupBelow = mixup?.probability ?? 0;
  if (mixup !== null && chance < mixupBelow) {
    const share = drawBeta(address, 'mixup-share', mixup.alpha);
    return { ...UNMIXED, blendShare: share, targetShare: share };
  }
  if (cutmix !== null && chance < mixupBelow + cutmix.probability) return drawCutmix(cutmix, address, size);
  return UNMIXED;
}

/** Yun et al. 1905.04899 §3.1: a box with 1 − λ of the area about a uniform centre, cut at the border; λ is then its area's. */
function drawCutmix({ alpha }: MixSettings, address: RowAddress, { heightPx, widthPx }: Size): Mix {
  const side = Math.sqrt(1 - drawBeta(address, 'cutmix-share', alpha));
  const [centreX, centreY] = rowUniforms(address, 'cutmix-box');
  const span = (centre: number, sidePx: number): [number, number] => {
    const from = Math.round((centre - side / 2) * sidePx);
    const to = from + Math.round(side * sidePx);
    return [Math.max(0, from), Math.min(sidePx, to)];
  };
  const [y0, y1] = span(centreY, heightPx);
  const [x0, x1] = span(centreX, widthPx);
  const share = Math.max(0, y1 - y0) * Math.max(0, x1 - x0);
  return { blendShare: 1, box: [y0, x0, y1, x1], targetShare: 1 - share / (heightPx * widthPx) };
}
