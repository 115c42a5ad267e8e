import type { RawDetection } from './found-objects.ts';

/** How far what one network found is from what another did. */
export interface FoundDifference {
  /** Objects of the first one that count. */
  readonly found: number;
  /** Objects of either that count and that the other has no counterpart for. */
  readonly missing: number;
  /** Largest difference of a score, or of an edge as a share of the side, between an object and its counterpart. */
  readonly maxDifference: number;
}

/** A counterpart has the same class, and a score and edges no farther away. */
const COUNTERPART = 0.05;

/**
 * Compares what two networks found in one picture. Suppression and the limit on objects turn a rounding, now and then, into
 * another object: such a pair is counted in `missing` (once), all else is in `maxDifference`. Objects count from the score
 * `from` on: below it lies what nobody is shown.
 */
export function compareFound(
  first: readonly RawDetection[],
  second: readonly RawDetection[],
  from: number,
): FoundDifference {
  const left = new Set(second);
  let [found, lost, maxDifference] = [0, 0, 0];
  for (const wanted of first) {
    let [nearest, least]: [RawDetection | null, number] = [null, COUNTERPART];
    for (const each of left) {
      const away = each.label === wanted.label ? distance(wanted, each) : Infinity;
      // Not a number is nearest to nothing.
      if (away <= least) [nearest, least] = [each, away];
    }
    const counts = !(wanted.score < from);
    if (counts) found++;
    if (nearest === null) {
      if (counts) lost++;
      continue;
    }
    left.delete(nearest);
    maxDifference = Math.max(maxDifference, least);
  }
  const added = [...left].filter(({ score }) => !(score < from)).length;
  return { found, missing: Math.max(lost, added), maxDifference };
}

/** Of pictures, what it is of all of them. */
export function together(differences: readonly FoundDifference[]): FoundDifference {
  const sum = (of: (each: FoundDifference) => number): number =>
    differences.reduce((total, each) => total + of(each), 0);
  return {
    found: sum(({ found }) => found),
    missing: sum(({ missing }) => missing),
    maxDifference: differences.reduce((most, each) => Math.max(most, each.maxDifference), 0),
  };
}

function distance(a: RawDetection, b: RawDetection): number {
  return Math.max(Math.abs(a.score - b.score), ...a.box.map((edge, at) => Math.abs(edge - (b.box[at] ?? 0))));
}
