import type { PixelStatistics } from '../dataset/pixel-statistics.ts';

/** What `image.normalization` says for means and deviations of one's own training pictures. */
export const MEASURED = 'measured';

/** A normalization by measured figures, which are in its name: whoever has the name can apply it. */
export type MeasuredName = `measured:${string}`;

const DECIMALS = 4;
const number = String.raw`(\d{1,3}(?:\.\d+)?)`;
const three = [number, number, number].join(',');
const NAME = new RegExp(`^measured:${three}/${three}$`);

/** `measured:<means>/<deviations>` of R, G, B in levels of 0 to 255. */
export function measuredName({ mean, deviation }: PixelStatistics): MeasuredName {
  const text = (values: readonly number[]): string => values.map((value) => Number(value.toFixed(DECIMALS))).join(',');
  return `measured:${text(mean)}/${text(deviation)}`;
}

/** The figures of such a name; null for other names. */
export function measuredFigures(name: string): PixelStatistics | null {
  const found = NAME.exec(name)?.slice(1).map(Number);
  if (found === undefined) return null;
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = found;
  return Math.min(d, e, f) > 0 ? { mean: [a, b, c], deviation: [d, e, f] } : null;
}

export const isMeasuredName = (name: string): name is MeasuredName => measuredFigures(name) !== null;
