import { COEFFICIENT_BYTES, COEFFICIENT_ONE, PLAN_HEAD_BYTES, UNROLLED } from './kernel.ts';

/** One axis of a resize: `toPx` places over a source of `fromPx`, `factor` source pixels apart, centre on centre. */
export interface Axis {
  readonly fromPx: number;
  readonly toPx: number;
  readonly factor: number;
}

/** For each place of the result, one entry of `entryBytes`: byte offset of the first tap, then its coefficients. */
export interface Plan {
  /** Of every entry, with noughts behind those that have fewer: a multiple of `UNROLLED`. */
  readonly taps: number;
  /** The first tap of each block; empty without blocks. */
  readonly starts: readonly number[];
  readonly entryBytes: number;
  readonly bytes: Uint8Array;
}

/** Half the width of Catmull–Rom. */
const SUPPORT = 2;

/** Keys' cubic with a = -½. */
function catmullRom(x: number): number {
  const d = Math.abs(x);
  if (d < 1) return (1.5 * d - 2.5) * d * d + 1;
  return d < 2 ? ((-0.5 * d + 2.5) * d - 4) * d + 2 : 0;
}

/**
 * The taps of an axis: Catmull–Rom, widened by `factor` where that shrinks, so that nothing of the source is skipped. At
 * the borders the taps that fall outside are left out and the others weigh more (as in Pillow). Offsets are of
 * `tapBytes` for each tap. With blocks there are entries for a multiple of `perBlock` places, the last repeated, and the
 * offsets count from the block's first tap.
 */
export function planOf(axis: Axis, tapBytes: number, perBlock: number | null): Plan {
  const scale = Math.max(1, axis.factor);
  const entries = Array.from({ length: Math.ceil(axis.toPx / (perBlock ?? 1)) * (perBlock ?? 1) }, (_, entry) =>
    tapsOf(axis, scale, Math.min(entry, axis.toPx - 1)),
  );
  const longest = entries.reduce((most, { weights }) => Math.max(most, weights.length), 0);
  const taps = Math.ceil(longest / UNROLLED) * UNROLLED;
  const entryBytes = PLAN_HEAD_BYTES + COEFFICIENT_BYTES * taps;
  const view = new DataView(new ArrayBuffer(entries.length * entryBytes));
  const starts: number[] = [];
  entries.forEach(({ start, weights }, entry) => {
    if (perBlock !== null && entry % perBlock === 0) starts.push(start);
    view.setUint32(entry * entryBytes, (start - (starts.at(-1) ?? 0)) * tapBytes, true);
    weights.forEach((weight, tap) => {
      view.setInt16(entry * entryBytes + PLAN_HEAD_BYTES + COEFFICIENT_BYTES * tap, weight, true);
    });
  });
  return { taps, entryBytes, starts, bytes: new Uint8Array(view.buffer) };
}

interface PlaceTaps {
  readonly start: number;
  readonly weights: readonly number[];
}

function tapsOf({ fromPx, toPx, factor }: Axis, scale: number, place: number): PlaceTaps {
  const centre = (place + 0.5 - toPx / 2) * factor + fromPx / 2;
  const start = Math.max(0, Math.ceil(centre - SUPPORT * scale - 0.5));
  const end = Math.min(fromPx, Math.floor(centre + SUPPORT * scale - 0.5) + 1);
  const raw = Array.from({ length: end - start }, (_, tap) => catmullRom((start + tap + 0.5 - centre) / scale));
  return { start, weights: wholeNumbers(raw) };
}

/** Of which the sum is exactly one, so that an even area keeps its colour: what rounding leaves goes to the largest. */
function wholeNumbers(weights: readonly number[]): number[] {
  const sum = weights.reduce((total, weight) => total + weight, 0);
  const whole = weights.map((weight) => Math.round((weight * COEFFICIENT_ONE) / sum));
  const rest = COEFFICIENT_ONE - whole.reduce((total, weight) => total + weight, 0);
  const largest = whole.indexOf(Math.max(...whole));
  return whole.map((weight, tap) => (tap === largest ? weight + rest : weight));
}
