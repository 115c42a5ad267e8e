import { LOOK_BYTES, decodeLook } from './look.ts';

/** Mean and standard deviation of red, green and blue over all pixels of a data set, every picture counting the same; 0 … 1. */
export interface Colours {
  readonly mean: readonly [number, number, number];
  readonly deviation: readonly [number, number, number];
}

/** From the looks of the pictures (rows of LOOK_BYTES bytes), so no picture is read again. Good to about 0.002. */
export function measureColours(looks: Uint8Array): Colours | null {
  const rows = Math.floor(looks.length / LOOK_BYTES);
  if (rows === 0) return null;
  const [sums, squares] = [
    [0, 0, 0],
    [0, 0, 0],
  ];
  for (let row = 0; row < rows; row++) {
    const { mean, deviation } = decodeLook(looks.subarray(row * LOOK_BYTES, (row + 1) * LOOK_BYTES));
    for (let c = 0; c < 3; c++) {
      const [m, d] = [mean[c] ?? 0, deviation[c] ?? 0];
      sums[c] = (sums[c] ?? 0) + m;
      // The mean of squares of a picture is the square of its mean and its variance together.
      squares[c] = (squares[c] ?? 0) + m * m + d * d;
    }
  }
  const meanOf = (c: number): number => (sums[c] ?? 0) / rows;
  const deviationOf = (c: number): number => Math.sqrt(Math.max(0, (squares[c] ?? 0) / rows - meanOf(c) ** 2));
  const share = (value: number): number => Math.round((10_000 * value) / 255) / 10_000;
  return {
    mean: [share(meanOf(0)), share(meanOf(1)), share(meanOf(2))],
    deviation: [share(deviationOf(0)), share(deviationOf(1)), share(deviationOf(2))],
  };
}
