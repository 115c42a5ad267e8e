import { LookIndex, SAME_CORRELATION } from './look-index.ts';
import type { Match, Mirroring } from './look-index.ts';
import { LOOK_BYTES } from './look.ts';

/** Two pictures of different bytes that are one picture to the eye: re-encoded, resized, stretched, mirrored. */
export interface NearPair {
  /** Places of the two, the lower first. */
  readonly a: number;
  readonly b: number;
  readonly correlation: number;
  readonly mirrored: Mirroring;
}

/**
 * All pairs among rows of LOOK_BYTES bytes, by `b` and `a`. `isSame` says which have the same bytes: no near pair. Before the
 * first row it yields now and then without one (−1), so that nobody else is kept waiting.
 */
export function* nearPairs(
  looks: Uint8Array,
  isSame: (a: number, b: number) => boolean,
  least = SAME_CORRELATION,
): Generator<{ readonly row: number; readonly pairs: readonly NearPair[] }> {
  const index = new LookIndex(looks);
  const building = index.build();
  while (building.next().done !== true) yield { row: -1, pairs: [] };
  const rows = Math.floor(looks.length / LOOK_BYTES);
  for (let row = 0; row < rows; row++) {
    const found = index.matches(row, least).filter((match) => !isSame(match.index, row));
    yield { row, pairs: found.map((match) => pairOf(match, row)) };
  }
}

const pairOf = ({ index, correlation, mirrored }: Match, row: number): NearPair => ({
  a: index,
  b: row,
  correlation,
  mirrored,
});

/** No more than this share of the pictures, and so many at least, are taken for copies of one. */
const MOST_SHARE = 0.02;
const MOST_AT_LEAST = 10;

/**
 * Pictures that are copies of each other, of two or more each: single linkage, the most alike first. A cluster that
 * would outgrow 2 % of all is not copies but a kind of picture that looks alike (every digit 1): it stays in pieces, so
 * that chains of likenesses can't put a class on one side of a split. In order of place.
 */
export function clustersOf(pairs: readonly NearPair[], rows: number): number[][] {
  const most = Math.max(MOST_AT_LEAST, Math.floor(MOST_SHARE * rows));
  const members = new Map<number, number[]>();
  const clusterOf = (row: number): number[] => members.get(row) ?? [row];
  const alikeFirst = [...pairs].sort((x, y) => y.correlation - x.correlation || x.b - y.b || x.a - y.a);
  for (const { a, b } of alikeFirst) {
    const [one, other] = [clusterOf(a), clusterOf(b)];
    if (one === other || one.length + other.length > most) continue;
    const [large, small] = one.length >= other.length ? [one, other] : [other, one];
    large.push(...small);
    for (const row of [a, b, ...small]) members.set(row, large);
  }
  const clusters = [...new Set(members.values())];
  for (const cluster of clusters) cluster.sort((x, y) => x - y);
  return clusters.sort((x, y) => (x[0] ?? 0) - (y[0] ?? 0));
}
