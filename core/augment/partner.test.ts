import { describe, expect, it } from 'vitest';
import { permutation } from '../rng.ts';
import { partnerOf } from './partner.ts';

describe('the partner of a row', () => {
  it.each([
    [10, 4],
    [9, 4],
    [5, 8],
    [7, 1],
  ])('is the next of its batch, the first for the last: %d rows in batches of %d', (rows, batchSize) => {
    for (const epoch of [0, 3]) {
      const order = permutation(rows, 11, 'shuffle', epoch);
      const wanted = new Map<number, number>();
      for (let start = 0; start < rows; start += batchSize) {
        const batch = Array.from({ length: Math.min(batchSize, rows - start) }, (_, i) => order(start + i));
        for (const [at, row] of batch.entries()) wanted.set(row, batch[(at + 1) % batch.length]!);
      }
      for (let row = 0; row < rows; row++) {
        expect(partnerOf({ rows, batchSize, seed: 11 }, epoch, row)).toBe(wanted.get(row));
      }
    }
  });
});
