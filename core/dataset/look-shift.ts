import { WAVES, frequencies } from './look.ts';

/**
 * How alike two looks are once one of them is moved a little: resamplers disagree about where a pixel lies (libvips
 * enlarges by a quarter of a source pixel off, TensorFlow 1 had no half-pixel centres), and a quarter of a pixel is a
 * hundredth of a picture of 28. A move of d turns the wave √2 cos πux into √2 cos πu(x + d), whose part along another
 * wave v is sin(πud) times what `mixes` has; the picture is taken to go on mirrored at its edges, as cosines do.
 */

/** The share of the picture's width or height by which it may be moved: half a pixel of a picture of 28. */
const MOST = 0.02;
/** Frequencies a direction. */
const SIDE = 1 + Math.max(...frequencies.map(([across]) => across));

/** ∫ of the wave v times √2 sin πux over the picture, [v × SIDE + u]; waves of the same parity don't mix. */
const mixes = Float64Array.from({ length: SIDE * SIDE }, (_, i) => {
  const [v, u] = [Math.floor(i / SIDE), i % SIDE];
  if ((u + v) % 2 === 0 || u === 0) return 0;
  return v === 0 ? (2 * Math.SQRT2) / (Math.PI * u) : (4 * u) / (Math.PI * (u * u - v * v));
});
/** What a move does to a wave at its start: the derivative of `moved` at 0, [v × SIDE + u]. */
const slopes = mixes.map((mix, i) => -Math.PI * (i % SIDE) * mix);

/** Where each wave of a look lies in a square of SIDE × SIDE, rows by the frequency downwards. */
const places = frequencies.map(([across, down]) => down * SIDE + across);

/** What moving by a share of the picture makes of each wave, [v × SIDE + u]. */
function moved(by: number): Float64Array {
  return mixes.map((mix, i) => {
    const [v, u] = [Math.floor(i / SIDE), i % SIDE];
    return (u === v ? Math.cos(Math.PI * u * by) : 0) - Math.sin(Math.PI * u * by) * mix;
  });
}

type Direction = 'across' | 'down';

/** The square with `change` applied to one of its directions. */
function apply(square: Float64Array, change: Float64Array, direction: Direction): Float64Array {
  const [step, line] = direction === 'across' ? [1, SIDE] : [SIDE, 1];
  const result = new Float64Array(SIDE * SIDE);
  for (let start = 0, row = 0; row < SIDE; row++, start += line) {
    for (let v = 0; v < SIDE; v++) {
      let sum = 0;
      for (let u = 0; u < SIDE; u++) sum += (change[v * SIDE + u] ?? 0) * (square[start + u * step] ?? 0);
      result[start + v * step] = sum;
    }
  }
  return result;
}

function dot(one: Float64Array, other: Float64Array): number {
  let sum = 0;
  for (const place of places) sum += (one[place] ?? 0) * (other[place] ?? 0);
  return sum;
}

function squareOf(waves: ArrayLike<number>, offset: number): Float64Array {
  const square = new Float64Array(SIDE * SIDE);
  for (let i = 0; i < WAVES; i++) square[places[i] ?? 0] = waves[offset + i] ?? 0;
  return square;
}

/**
 * The correlation of two looks of WAVES figures each (`b` from `offset` on) where the first is moved to where it fits
 * best, by least squares over its slopes, and by no more than half a pixel of a small picture.
 */
export function movedCorrelation(a: ArrayLike<number>, b: ArrayLike<number>, offset: number): number {
  const [one, other] = [squareOf(a, 0), squareOf(b, offset)];
  const [across, down] = bestMove(one, other);
  const there = apply(apply(one, moved(across), 'across'), moved(down), 'down');
  const norm = Math.sqrt(dot(there, there) * dot(other, other));
  return norm === 0 ? 0 : dot(there, other) / norm;
}

/** other ≈ s (one + across · its slope across + down · its slope down), solved for the two moves. */
function bestMove(one: Float64Array, other: Float64Array): [number, number] {
  const terms = [one, apply(one, slopes, 'across'), apply(one, slopes, 'down')];
  const rows = terms.map((term) => [...terms.map((each) => dot(term, each)), dot(term, other)]);
  for (const [i, pivot] of rows.entries()) {
    for (const row of rows.slice(i + 1)) {
      const factor = (row[i] ?? 0) / (pivot[i] ?? 1);
      for (let column = i; column < row.length; column++) {
        row[column] = (row[column] ?? 0) - factor * (pivot[column] ?? 0);
      }
    }
  }
  const solved = [0, 0, 0];
  for (let i = 2; i >= 0; i--) {
    const row = rows[i] ?? [];
    let rest = row[3] ?? 0;
    for (let column = i + 1; column < 3; column++) rest -= (row[column] ?? 0) * (solved[column] ?? 0);
    solved[i] = rest / (row[i] ?? 1);
  }
  const [scale = 1, across = 0, down = 0] = solved;
  const within = (move: number): number => (Number.isFinite(move) ? Math.max(-MOST, Math.min(MOST, move)) : 0);
  return [within(across / scale), within(down / scale)];
}
