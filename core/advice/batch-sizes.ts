/** Sizes that are tried: an epoch keeps so many steps at least, as larger batches learn no more from each. */
const LEAST_STEPS = 8;
const SMALLEST = 8;
const LARGEST = 256;

/** 8, 16, 32 … up to what leaves an epoch some steps; the smallest always. */
export function batchSizes(rows: number): number[] {
  const sizes: number[] = [];
  for (let size = SMALLEST; size <= LARGEST && (sizes.length === 0 || size * LEAST_STEPS <= rows); size *= 2)
    sizes.push(size);
  return sizes;
}
