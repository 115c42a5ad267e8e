import { iouAt, sidesAt } from './boxes.ts';
import type { Boxes } from './boxes.ts';
import type { RawDetection } from './found-objects.ts';
import type { SuppressionOptions } from './suppression.ts';

/** Boxes before suppression: [count, 1 or classes, 4], and scores [count, classes]. */
export interface SuppressedFrom {
  readonly boxes: Boxes;
  readonly scores: ArrayLike<number>;
  readonly classes: number;
}

/** Runtimes keep numbers in float32, and compute overlaps in it. */
const ROUNDING = 1e-6;
const OVERLAP_ROUNDING = 1e-4;

/**
 * How many of `kept` greedy suppression class by class would not have left, and how many it would have left besides. Of equal
 * scores any may come first: which one is each runtime's own, and hangs on it what else is suppressed. `clips`: whether
 * kept boxes were cut at the frame.
 */
export function suppressionFaults(
  kept: readonly RawDetection[],
  from: SuppressedFrom,
  options: SuppressionOptions & { readonly clips: boolean },
): number {
  const lowest = kept.length < options.total ? -Infinity : Math.min(...kept.map(({ score }) => score));
  let faults = Math.max(0, kept.length - options.total);
  for (let label = 0; label < from.classes; label++) {
    const own = kept.filter((each) => each.label === label);
    faults += classFaults(own, columnOf(from, label), { ...options, lowest });
  }
  return faults + kept.filter(({ label }) => label < 0 || label >= from.classes).length;
}

interface Column {
  readonly count: number;
  readonly boxes: Boxes;
  scoreOf(place: number): number;
  /** Index into `boxes`. */
  boxOf(place: number): number;
}

function columnOf({ boxes, scores, classes }: SuppressedFrom, label: number): Column {
  const count = scores.length / classes;
  const each = boxes.length / 4 / count;
  return {
    ...{ count, boxes },
    scoreOf: (place) => scores[place * classes + label] ?? 0,
    boxOf: (place) => (each === 1 ? place : place * each + label),
  };
}

type Limits = SuppressionOptions & { readonly clips: boolean; readonly lowest: number };

function classFaults(own: readonly RawDetection[], column: Column, limits: Limits): number {
  const { boxes, count, scoreOf, boxOf } = column;
  const { iouThreshold, perClass, scoreThreshold, lowest } = limits;
  const places = placesOf(own, column, limits);
  let faults = own.length - places.size + Math.max(0, own.length - perClass);
  const list = [...places];
  const overlap = (a: number, b: number): number => iouAt(boxes, boxOf(a), boxes, boxOf(b));
  for (const [index, place] of list.entries())
    if (list.slice(0, index).some((other) => overlap(place, other) > iouThreshold + OVERLAP_ROUNDING)) faults++;
  const full = own.length < perClass ? -Infinity : Math.min(...own.map(({ score }) => score));
  const least = Math.max(scoreThreshold, lowest, full) + ROUNDING;
  for (let place = 0; place < count; place++) {
    const score = scoreOf(place);
    if (!(score > least) || places.has(place)) continue;
    const suppressed = list.some(
      (other) => scoreOf(other) >= score - ROUNDING && overlap(place, other) >= iouThreshold - OVERLAP_ROUNDING,
    );
    if (!suppressed) faults++;
  }
  return faults;
}

/** The candidates that were kept, each once; what is none of them is left out. */
function placesOf(own: readonly RawDetection[], column: Column, { clips }: Limits): ReadonlySet<number> {
  const { boxes, count, scoreOf, boxOf } = column;
  const cut = (edge: number): number => (clips ? Math.min(1, Math.max(0, edge)) : edge);
  const near = (a: number, b: number): boolean => Math.abs(a - b) <= ROUNDING * Math.max(1, Math.abs(a));
  const places = new Set<number>();
  for (const { score, box } of own) {
    for (let place = 0; place < count; place++) {
      if (places.has(place) || !near(scoreOf(place), score)) continue;
      if (!sidesAt(boxes, boxOf(place)).every((edge, at) => near(cut(edge), box[at] ?? 0))) continue;
      places.add(place);
      break;
    }
  }
  return places;
}
