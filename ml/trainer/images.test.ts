import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { stream } from '../../core/rng.ts';
import { minus1To1 } from '../nn/preprocessing.ts';
import { flipRows, imageBatch } from './images.ts';

beforeAll(async () => {
  vi.spyOn(console, 'warn').mockImplementation(() => undefined);
  await tf.setBackend('cpu');
});

const SHAPE = [2, 3, 2];
const picture = (start: number): number[] => Array.from({ length: 12 }, (_, index) => start + index);

describe('flipping', () => {
  it('mirrors every line, keeps the channels together and the other rows as they are', () => {
    const { uniform } = stream(3, 'augment/flip-horizontal');
    const indexes = [0, 1, 2, 3, 4, 5, 6, 7];
    const bytes = Uint8Array.from(indexes.flatMap((index) => picture(index * 12)));
    flipRows(bytes, indexes, SHAPE, { probability: 0.5, seed: 3, epoch: 4 });
    const flipped = indexes.filter((index) => uniform(4, index) < 0.5);
    expect(flipped.length).toBeGreaterThan(0);
    expect(flipped.length).toBeLessThan(8);
    for (const index of indexes) {
      const s = index * 12;
      const mirrored = [4, 5, 2, 3, 0, 1, 10, 11, 8, 9, 6, 7].map((at) => s + at);
      expect([...bytes.subarray(s, s + 12)]).toEqual(flipped.includes(index) ? mirrored : picture(s));
    }
  });

  it('hangs on the row and the epoch, not on its place in a batch', () => {
    const draw = (batch: number[], row: number, epoch: number): number[] => {
      const bytes = Uint8Array.from(batch.flatMap(() => picture(0)));
      flipRows(bytes, batch, SHAPE, { probability: 0.5, seed: 1, epoch });
      return [...bytes.subarray(batch.indexOf(row) * 12).subarray(0, 12)];
    };
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.nat({ max: 1000 }), { minLength: 1, maxLength: 8 }),
        fc.nat({ max: 9 }),
        (rows, epoch) => {
          for (const row of rows) expect(draw(rows, row, epoch)).toEqual(draw([row], row, epoch));
        },
      ),
      { seed: 9, numRuns: 30 },
    );
    const overEpochs = Array.from({ length: 20 }, (_, epoch) => draw([5], 5, epoch).join());
    expect(new Set(overEpochs).size).toBe(2);
  });

  it('at 0 flips nothing, at 1 everything', () => {
    for (const [probability, first] of [
      [0, 0],
      [1, 4],
    ] as const) {
      const bytes = Uint8Array.from([...picture(0), ...picture(0)]);
      flipRows(bytes, [7, 8], SHAPE, { probability, seed: 1, epoch: 0 });
      expect([bytes[0], bytes[12]]).toEqual([first, first]);
    }
  });
});

describe('a batch', () => {
  it('is normalized as the backbone wants it', () => {
    const batch = imageBatch(tf.tensor4d([0, 255, 51], [1, 1, 1, 3]), minus1To1);
    expect(batch.shape).toEqual([1, 1, 1, 3]);
    for (const [index, value] of [-1, 1, -0.6].entries()) expect(batch.dataSync()[index]).toBeCloseTo(value, 6);
    batch.dispose();
  });

  it('of gray pictures repeats the one channel over three, pixel by pixel', () => {
    const batch = imageBatch(tf.tensor4d([0, 255], [1, 1, 2, 1]), minus1To1);
    expect(batch.shape).toEqual([1, 1, 2, 3]);
    expect([...batch.dataSync()].map(Math.round)).toEqual([-1, -1, -1, 1, 1, 1]);
    batch.dispose();
  });
});
