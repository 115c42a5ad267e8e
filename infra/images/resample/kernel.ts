import { add, advance, assemble, constant, get, interleave, loadInteger, repeat, set, vector } from './assembler.ts';
import type { Code } from './assembler.ts';

/**
 * The inner loops of the resampler in WebAssembly's SIMD, eight values at a time. Whole numbers throughout: the same bits
 * on every machine.
 */
export const LANES = 8;
/** Columns that `vertical` does at once, and so what a row's length is rounded up to. */
export const COLUMNS = 32;
/** Of an entry in a plan: the offset of the first tap; its coefficients follow, 16 bits each. */
export const PLAN_HEAD_BYTES = 4;
export const COEFFICIENT_BYTES = 2;
export const VECTOR_BYTES = 16;
/** Taps that one turn of a loop adds up, and so what their number is rounded up to. */
export const UNROLLED = 4;
/** Binary places of the coefficients, and of the values between the two passes: there is room for what overshoots. */
const PLACES = 14;
export const COEFFICIENT_ONE = 1 << PLACES;
const PLACES_BETWEEN = 6;

/** Eight vectors of eight lanes, turned: lane j of vector i becomes lane i of vector j. From `from` to `into`; both change. */
function transpose(from: number, into: number): Code {
  const code: Code[] = [];
  const stage = (to: number, outOf: number, unit: 2 | 4 | 8, pairs: readonly (readonly [number, number])[]): void => {
    pairs.forEach(([x, y], i) => {
      code.push(set(to + 2 * i, interleave(get(outOf + x), get(outOf + y), unit, false)));
      code.push(set(to + 2 * i + 1, interleave(get(outOf + x), get(outOf + y), unit, true)));
    });
  };
  // Rows 0…7 → pairs of 16 bits → of 32 → of 64.
  stage(into, from, 2, [[0, 1], [2, 3], [4, 5], [6, 7]]); // prettier-ignore
  stage(from, into, 4, [[0, 2], [1, 3], [4, 6], [5, 7]]); // prettier-ignore
  stage(into, from, 8, [[0, 4], [1, 5], [2, 6], [3, 7]]); // prettier-ignore
  return code;
}

/** Where a sum over taps keeps things: numbers of locals. */
interface Taps {
  /** Of groups of `UNROLLED` taps. */
  readonly turns: number;
  readonly counter: number;
  readonly at: number;
  readonly coefficients: number;
  /** Two coefficients, four times. */
  readonly pair: number;
  readonly sums: readonly number[];
}

/**
 * Adds up in `sums`, of four 32-bit lanes each, what an entry of a plan says. `addPair` adds the products of two taps,
 * of which the first is at `at`, and moves `at` behind them.
 */
function sumTaps(source: Code, entry: number, taps: Taps, addPair: Code): Code {
  const { turns, counter, at, coefficients, pair, sums } = taps;
  return [
    sums.map((sum) => set(sum, vector.zero())),
    set(at, add(source, loadInteger(get(entry)))),
    set(coefficients, get(entry)),
    set(counter, get(turns)),
    repeat(counter, [
      Array.from({ length: UNROLLED / 2 }, (_, i) => [
        set(pair, vector.loadRepeated(get(coefficients), PLAN_HEAD_BYTES + 2 * COEFFICIENT_BYTES * i)),
        addPair,
      ]),
      advance(coefficients, constant(UNROLLED * COEFFICIENT_BYTES)),
    ]),
  ];
}

/** Adds a × x + b × y to a sum: `pairs` holds values of two taps in turn. */
const addProducts = (sum: number, pairs: Code, { pair }: Taps): Code =>
  set(sum, vector.add32(get(sum), vector.dot(pairs, get(pair))));

/** Two vectors of 32-bit sums, rounded and with `bits` places less, as one of 16 bits. */
function rounded(low: number, high: number, bits: number): Code {
  const half = vector.repeated32(1 << (bits - 1));
  const lose = (sum: number): Code => vector.shiftRight32(vector.add32(get(sum), half), bits);
  return vector.narrow32(lose(low), lose(high));
}

/**
 * Eight rows of the result's height from rows of bytes, `COLUMNS` columns a turn. `plan`: for each of the eight an entry
 * of `planBytes`. `summed` holds 8 × `COLUMNS` values. `out` gets one vector a column, of the eight rows.
 */
function vertical() {
  const [source, rowBytes, turns, tapTurns, plan, planBytes, summed, out] = [0, 1, 2, 3, 4, 5, 6, 7];
  const [row, counter, at, below, coefficients, entry, into] = [8, 9, 10, 11, 12, 13, 14];
  const [pair, upper, lower, rows, turned] = [15, 16, 17, 18, 26];
  const sums = Array.from({ length: COLUMNS / 4 }, (_, i) => rows + i);
  const taps: Taps = { turns: tapTurns, counter, at, coefficients, pair, sums };
  const sumRow: Code = [
    sumTaps(get(source), entry, taps, [
      set(below, add(get(at), get(rowBytes))),
      Array.from({ length: COLUMNS / VECTOR_BYTES }, (_, i) => [
        set(upper, vector.load(get(at), i * VECTOR_BYTES)),
        set(lower, vector.load(get(below), i * VECTOR_BYTES)),
        [false, true].map((high, j) => [
          set(turned, interleave(get(upper), get(lower), 1, high)),
          addProducts(rows + 4 * i + 2 * j, vector.widenLow(get(turned)), taps),
          addProducts(rows + 4 * i + 2 * j + 1, vector.widenHigh(get(turned)), taps),
        ]),
      ]),
      set(at, add(get(below), get(rowBytes))),
    ]),
    Array.from({ length: COLUMNS / LANES }, (_, i) =>
      vector.store(
        get(into),
        rounded(rows + 2 * i, rows + 2 * i + 1, PLACES - PLACES_BETWEEN),
        i * LANES * VECTOR_BYTES,
      ),
    ),
    advance(into, constant(VECTOR_BYTES)),
    advance(entry, get(planBytes)),
  ];
  const lanes = Array.from({ length: LANES }, (_, i) => i);
  const turnGroup = (group: number): Code => [
    lanes.map((i) => set(rows + i, vector.load(get(summed), (group * LANES + i) * VECTOR_BYTES))),
    transpose(rows, turned),
    lanes.map((i) => vector.store(get(out), get(turned + i), (group * LANES + i) * VECTOR_BYTES)),
  ];
  const body: Code = repeat(turns, [
    [set(entry, get(plan)), set(into, get(summed)), set(row, constant(LANES))],
    repeat(row, sumRow),
    Array.from({ length: COLUMNS / LANES }, (_, i) => turnGroup(i)),
    advance(source, constant(COLUMNS)),
    advance(out, constant(COLUMNS * VECTOR_BYTES)),
  ]);
  return { name: 'vertical', parameters: 8, integers: 7, vectors: 19, body };
}

/**
 * `columns` pixels of `channels` vectors each from what `vertical` left at `source`, by a plan of one entry a column. `out`
 * gets the vectors of the result: whole numbers, not yet clamped.
 */
function horizontal(channels: 1 | 3) {
  const [source, columns, tapTurns, plan, planBytes, out] = [0, 1, 2, 3, 4, 5];
  const [counter, at, coefficients, pair, left, right, firstSum] = [6, 7, 8, 9, 10, 11, 12];
  const pixelBytes = channels * VECTOR_BYTES;
  const indexes = Array.from({ length: channels }, (_, i) => i);
  const sums = Array.from({ length: 2 * channels }, (_, i) => firstSum + i);
  const taps: Taps = { turns: tapTurns, counter, at, coefficients, pair, sums };
  const body: Code = repeat(columns, [
    sumTaps(get(source), plan, taps, [
      indexes.map((i) => [
        set(left, vector.load(get(at), i * VECTOR_BYTES)),
        set(right, vector.load(get(at), i * VECTOR_BYTES + pixelBytes)),
        addProducts(firstSum + 2 * i, interleave(get(left), get(right), 2, false), taps),
        addProducts(firstSum + 2 * i + 1, interleave(get(left), get(right), 2, true), taps),
      ]),
      advance(at, constant(2 * pixelBytes)),
    ]),
    indexes.map((i) => {
      const result = rounded(firstSum + 2 * i, firstSum + 2 * i + 1, PLACES + PLACES_BETWEEN);
      return vector.store(get(out), result, i * VECTOR_BYTES);
    }),
    advance(out, constant(pixelBytes)),
    advance(plan, get(planBytes)),
  ]);
  return { name: `horizontal${channels}`, parameters: 6, integers: 3, vectors: 9, body };
}

/** Vectors of eight rows back to eight rows of bytes, `turns` × 8 of them; rows are `rowBytes` apart. */
function toRows() {
  const [source, turns, out, rowBytes, line] = [0, 1, 2, 3, 4];
  const [rows, spare] = [5, 13];
  const body: Code = repeat(turns, [
    Array.from({ length: LANES }, (_, i) => set(rows + i, vector.load(get(source), i * VECTOR_BYTES))),
    transpose(rows, spare),
    set(line, get(out)),
    Array.from({ length: LANES }, (_, i) => [
      vector.storeLowHalf(get(line), vector.narrow16(get(spare + i), get(spare + i))),
      advance(line, get(rowBytes)),
    ]),
    advance(source, constant(LANES * VECTOR_BYTES)),
    advance(out, constant(LANES)),
  ]);
  return { name: 'toRows', parameters: 4, integers: 1, vectors: 16, body };
}

export const kernelModule = (): Uint8Array<ArrayBuffer> =>
  assemble([vertical(), horizontal(1), horizontal(3), toRows()]);
