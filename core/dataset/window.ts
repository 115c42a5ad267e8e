/** Which stored values are shown, and how: `dataset.window`, or what a DICOM file says itself. */
export interface Window {
  readonly center: number;
  /** At least 1. */
  readonly width: number;
}

/**
 * The linear window of DICOM (PS3.3 C.11.2.1.2.1), to 0 … 255: all at or below center − 0.5 − (width − 1) / 2 is black, all
 * above center − 0.5 + (width − 1) / 2 white.
 */
export function windowed(value: number, { center, width }: Window): number {
  const reach = (width - 1) / 2;
  if (value <= center - 0.5 - reach) return 0;
  if (value > center - 0.5 + reach) return 255;
  return ((value - (center - 0.5)) / (width - 1) + 0.5) * 255;
}

/** Shows the smallest value as black and the largest as white, as viewers do where no window is known. */
export function fullRange(values: ArrayLike<number>): (value: number) => number {
  let [min, max] = [Infinity, -Infinity];
  for (let i = 0; i < values.length; i++) {
    const value = values[i] ?? 0;
    if (value < min) min = value;
    if (value > max) max = value;
  }
  const range = Math.max(max - min, Number.EPSILON);
  return (value) => ((value - min) / range) * 255;
}
