import { permutation, permutationInverse } from '../rng.ts';

/** What decides which rows a training has side by side. */
export interface Batches {
  readonly rows: number;
  readonly batchSize: number;
  readonly seed: number;
}

/** The row that mixup and cutmix take for `row`: the next of its batch in the epoch's order, the first for the last. */
export function partnerOf({ rows, batchSize, seed }: Batches, epoch: number, row: number): number {
  const at = permutationInverse(rows, seed, 'shuffle', epoch)(row);
  const start = at - (at % batchSize);
  const size = Math.min(batchSize, rows - start);
  return permutation(rows, seed, 'shuffle', epoch)(start + ((at - start + 1) % size));
}
