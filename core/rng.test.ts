import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { permutation, permutationInverse, philox, purposeWord, stream } from './rng.ts';

const hex = (words: readonly number[]): string => words.map((word) => word.toString(16).padStart(8, '0')).join(' ');
const ALL = 0xffffffff;

describe('philox', () => {
  // Random123, tests/kat_vectors, philox4x32 10.
  it.each([
    [[0, 0, 0, 0], [0, 0], '6627e8d5 e169c58d bc57ac4c 9b00dbd8'],
    [[ALL, ALL, ALL, ALL], [ALL, ALL], '408f276d 41c83b0e a20bc7c6 6d5451fd'],
    [[0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0], 'd16cfe09 94fdcceb 5001e420 24126ea1'],
  ] as const)('of counter %j under key %j is the known answer', (counter, key, expected) => {
    expect(hex(philox(counter, key))).toBe(expected);
  });
});

describe('purposes', () => {
  it('are named by FNV-1a', () => {
    // draft-eastlake-fnv, appendix C: FNV-1a 32 of "", "a", "foobar".
    expect(['', 'a', 'foobar'].map((text) => purposeWord(text).toString(16))).toEqual([
      '811c9dc5',
      'e40c292c',
      'bf9cf968',
    ]);
  });

  it('and seeds, epochs, indexes and blocks give streams of their own', () => {
    const draws = new Set<string>();
    let count = 0;
    for (const seed of [0, 1, 2 ** 32, 2 ** 32 + 1, 2 ** 53 - 1]) {
      for (const purpose of ['shuffle', 'dropout']) {
        for (const epoch of [0, 1]) {
          for (const index of [0, 1, 2 ** 32, 2 ** 40 + 1]) {
            for (const block of [0, 1]) {
              draws.add(hex(stream(seed, purpose).words(epoch, index, block)));
              count++;
            }
          }
        }
      }
    }
    expect(draws.size).toBe(count);
  });
});

describe('draws', () => {
  it('do not depend on what was drawn before', () => {
    const fresh = stream(7, 'shuffle').words(3, 11);
    const used = stream(7, 'shuffle');
    for (let index = 0; index < 20; index++) used.words(0, index);
    expect(used.words(3, 11)).toEqual(fresh);
  });

  it('are uniform: mean 1/2, variance 1/12, every tenth as often', () => {
    const { uniform } = stream(1, 'test');
    const values = Array.from({ length: 20_000 }, (_, index) => uniform(0, index));
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
    expect(Math.abs(mean - 0.5)).toBeLessThan(0.01);
    expect(Math.abs(variance - 1 / 12)).toBeLessThan(0.002);
    const tenths = new Array<number>(10).fill(0);
    for (const value of values) tenths[Math.floor(value * 10)]!++;
    for (const count of tenths) expect(Math.abs(count - 2000)).toBeLessThan(200);
  });

  it('are normal: mean 0, variance 1, 95 % within 1.96', () => {
    const { normal } = stream(2, 'test');
    const values = Array.from({ length: 20_000 }, (_, index) => normal(1, index));
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
    expect(Math.abs(mean)).toBeLessThan(0.03);
    expect(Math.abs(variance - 1)).toBeLessThan(0.04);
    const within = values.filter((value) => Math.abs(value) < 1.96).length / values.length;
    expect(Math.abs(within - 0.95)).toBeLessThan(0.01);
  });
});

describe('the inverse of a permutation', () => {
  it.each([1, 2, 3, 10, 64, 1000, 4097])('finds every position among %d', (size) => {
    const [at, back] = [permutation(size, 5, 'shuffle', 2), permutationInverse(size, 5, 'shuffle', 2)];
    for (let position = 0; position < size; position++) expect(back(at(position))).toBe(position);
    expect(() => back(size)).toThrow('outside');
  });
});

describe('permutation', () => {
  const orderOf = (size: number, seed: number, epoch = 0): number[] => {
    const at = permutation(size, seed, 'shuffle', epoch);
    return Array.from({ length: size }, (_, position) => at(position));
  };

  it('holds every index once, whatever the size', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 400 }), fc.nat(), fc.nat({ max: 50 }), (size, seed, epoch) => {
        expect(orderOf(size, seed, epoch).sort((a, b) => a - b)).toEqual(Array.from({ length: size }, (_, i) => i));
      }),
      { seed: 1, numRuns: 60 },
    );
  });

  it('stays within a large set and meets nothing twice', () => {
    const size = 2 ** 40 - 17;
    const at = permutation(size, 5, 'shuffle', 2);
    const seen = new Set(Array.from({ length: 2000 }, (_, position) => at(position * 500_000_000)));
    expect(seen.size).toBe(2000);
    for (const index of seen) expect(index >= 0 && index < size).toBe(true);
  });

  it('is another one for another epoch or seed, and the same for the same', () => {
    expect(orderOf(50, 1, 0)).toEqual(orderOf(50, 1, 0));
    expect(orderOf(50, 1, 1)).not.toEqual(orderOf(50, 1, 0));
    expect(orderOf(50, 2, 0)).not.toEqual(orderOf(50, 1, 0));
  });

  it('mixes: no index prefers a place over 400 epochs', () => {
    const counts = new Array<number>(10).fill(0);
    for (let epoch = 0; epoch < 400; epoch++) counts[permutation(10, 9, 'shuffle', epoch)(0)]!++;
    for (const count of counts) expect(Math.abs(count - 40)).toBeLessThan(25);
  });

  it('refuses what is no set or no place in it', () => {
    for (const size of [0, -1, 1.5, Number.NaN, 2 ** 40 + 1]) {
      expect(() => permutation(size, 1, 'shuffle', 0)).toThrow('permutation of');
    }
    const at = permutation(3, 1, 'shuffle', 0);
    for (const position of [-1, 3, Number.NaN]) expect(() => at(position)).toThrow('outside 0…2');
  });
});
