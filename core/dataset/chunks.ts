import { purposeWord } from '../rng.ts';

/** One partition in every data set ends about every 2^11 = 2,048 paths. */
const BOUNDARY_MASK = 2 ** 11 - 1;
/** The most items a partition holds. */
export const MAX_PARTITION_ITEMS = 5_000;

/**
 * Whether a partition ends after `path`, its `count`-th item: where the path's own hash says so, or where it is full. So
 * a file that comes or goes changes the partition it is in, and those around it stay as they were.
 */
export function endsPartition(path: string, count: number): boolean {
  return count >= MAX_PARTITION_ITEMS || (purposeWord(path) & BOUNDARY_MASK) === 0;
}
