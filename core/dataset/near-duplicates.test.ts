import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { asPicture, readDigits } from '../../bench/lib/digits.ts';
import { judge, lookBytes, pairsOf, plant, rowsOf } from '../../test/fakes/planted-leaks.ts';
import { leaks, variedPicture } from '../../test/fakes/varied-pictures.ts';
import { LOOK_BYTES, decodeLook, encodeLook, isPlain, lookOf } from './look.ts';
import { movedCorrelation } from './look-shift.ts';
import { clustersOf, nearPairs } from './near-duplicates.ts';
import type { NearPair } from './near-duplicates.ts';

const correlationOf = (a: Int8Array, b: Int8Array): number => {
  const dot = (x: Int8Array, y: Int8Array): number => x.reduce((sum, value, i) => sum + value * (y[i] ?? 0), 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
};

describe('planted leaks', { timeout: 60_000 }, () => {
  it('are found among varied pictures, however they were made, and nothing else is', async () => {
    const sizes = [
      [96, 72],
      [64, 96],
      [120, 120],
    ] as const;
    const originals = Array.from({ length: 144 }, (_, seed) => {
      const [width, height] = sizes[seed % 3]!;
      return { picture: () => variedPicture(seed, width, height), width, height };
    });
    const result = judge(await plant(originals, Object.keys(leaks)));
    expect(result).toMatchObject({ missed: [], falsePairs: 0, planted: 48 });
  });

  it('are found among real digits: 95 % of them, with at most 0.1 % false pairs', async () => {
    const ways = Object.keys(leaks);
    const digits = await readDigits(0, 60);
    const originals = digits.map((digit) => ({ picture: () => asPicture(digit), width: 28, height: 28 }));
    const { missed, planted, falsePairs, pairs } = judge(await plant(originals, ways));
    expect(planted).toBe(200);
    expect(missed.length / planted).toBeLessThanOrEqual(0.05);
    expect(falsePairs / pairs).toBeLessThanOrEqual(0.001);
  });
});

describe('movedCorrelation', () => {
  const waves = (picture: Parameters<typeof lookBytes>[0]) =>
    lookBytes(picture).then((bytes) => decodeLook(bytes).waves);
  const crop = (left: number, top: number) =>
    variedPicture(7, 200, 160).extract({ left, top, width: 190, height: 150 }).removeAlpha();

  it('finds what a part of a pixel moved, and leaves alone what fits already', async () => {
    const [one, other] = [await waves(crop(4, 3)), await waves(crop(6, 2))];
    const plain = correlationOf(one, other);
    const moved = movedCorrelation(one, other, 0);
    expect(movedCorrelation(one, one, 0)).toBeCloseTo(1, 9);
    expect(plain).toBeLessThan(0.995);
    expect(1 - moved).toBeLessThan((1 - plain) / 3);
  });

  it('does not move far: another part of the picture stays another', async () => {
    const [one, other] = [await waves(crop(0, 0)), await waves(crop(10, 10))];
    expect(movedCorrelation(one, other, 0)).toBeLessThan(0.9);
  });
});

describe('lookOf', () => {
  it('is what it was after a round trip, and the size of the picture does not matter', async () => {
    const small = decodeLook(await lookBytes(variedPicture(1, 80, 60)));
    expect(small.waves.some((wave) => wave !== 0)).toBe(true);
    expect(encodeLook(small)).toEqual(await lookBytes(variedPicture(1, 80, 60)));
    // Each pixel four times: the same picture.
    const wide = new Uint8Array(8 * 8 * 4);
    const narrow = Uint8Array.from({ length: 64 }, (_, i) => (i * 37) % 256);
    narrow.forEach((value, i) => {
      const at = 2 * (i % 8) + 32 * Math.floor(i / 8);
      for (const place of [at, at + 1, at + 16, at + 17]) wide[place] = value;
    });
    const [a, b] = [
      lookOf({ data: narrow, width: 8, height: 8, channels: 1 }),
      lookOf({ data: wide, width: 16, height: 16, channels: 1 }),
    ];
    expect(b.mean).toEqual(a.mean);
    expect(b.deviation).toEqual(a.deviation);
  });

  it('takes a picture without anything in it for plain, and finds it like nothing', () => {
    const plain = encodeLook(lookOf({ data: new Uint8Array(300).fill(90), width: 10, height: 10, channels: 3 }));
    expect(isPlain(decodeLook(plain))).toBe(true);
    expect(pairsOf(rowsOf([plain, plain]))).toEqual([]);
  });

  it('says how a mirrored picture is turned', async () => {
    const original = await lookBytes(variedPicture(3, 60, 40));
    const turned = await Promise.all([
      lookBytes(variedPicture(3, 60, 40).flop()),
      lookBytes(variedPicture(3, 60, 40).flip()),
    ]);
    const found = pairsOf(rowsOf([original, ...turned]));
    expect(found.map(({ a, b, mirrored }) => [a, b, mirrored])).toEqual([
      [0, 1, 'horizontal'],
      [0, 2, 'vertical'],
      [1, 2, 'both'],
    ]);
  });
});

describe('clustersOf', () => {
  const pair = (a: number, b: number, correlation = 0.99): NearPair => ({ a, b, correlation, mirrored: 'none' });

  it('joins what is alike by way of others', () => {
    expect(clustersOf([pair(4, 7), pair(1, 2), pair(2, 9)], 100)).toEqual([
      [1, 2, 9],
      [4, 7],
    ]);
  });

  it('never lets a chain of likenesses grow beyond 2 %, whatever the pairs', () => {
    const place = fc.integer({ min: 0, max: 999 });
    fc.assert(
      fc.property(fc.array(fc.tuple(place, place, fc.double({ min: 0.98, max: 1, noNaN: true }))), (links) => {
        const pairs = links.flatMap(([a, b, c]) => (a < b ? [pair(a, b, c)] : []));
        const clusters = clustersOf(pairs, 1000);
        const rows = clusters.flat();
        expect(new Set(rows).size).toBe(rows.length);
        expect(clusters.every(({ length }) => length >= 2 && length <= 20)).toBe(true);
      }),
    );
    const chain = Array.from({ length: 500 }, (_, i) => pair(i, i + 1));
    expect(Math.max(...clustersOf(chain, 1000).map(({ length }) => length))).toBe(20);
  });
});

describe('the search', () => {
  it('gives others a turn while it puts looks into tables, not only between them', () => {
    const looks = new Uint8Array(2_500 * LOOK_BYTES);
    const rows = [...nearPairs(looks, () => false)].map(({ row }) => row);
    expect(rows.slice(0, 3)).toEqual([-1, -1, 0]);
    expect(rows).toHaveLength(2 + 2_500);
  });
});
