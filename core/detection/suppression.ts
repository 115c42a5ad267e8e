import { boxCount, iouAt } from './boxes.ts';
import type { Boxes } from './boxes.ts';

export interface SuppressionOptions {
  /** What scores less is left out. */
  readonly scoreThreshold: number;
  /** A box that overlaps a kept one by more is suppressed. */
  readonly iouThreshold: number;
  readonly perClass: number;
  readonly total: number;
}

export interface Kept {
  readonly index: number;
  readonly score: number;
}

/** Greedy non-maximum suppression: indexes into `boxes`, surest first; of equal scores the lower index. */
export function suppress(
  boxes: Boxes,
  scores: ArrayLike<number>,
  { scoreThreshold, iouThreshold, limit }: { scoreThreshold: number; iouThreshold: number; limit: number },
): number[] {
  const candidates: number[] = [];
  for (let i = 0; i < boxCount(boxes); i++) if ((scores[i] ?? 0) > scoreThreshold) candidates.push(i);
  candidates.sort((a, b) => (scores[b] ?? 0) - (scores[a] ?? 0) || a - b);
  const kept: number[] = [];
  for (const candidate of candidates) {
    if (kept.length >= limit) break;
    if (kept.every((other) => iouAt(boxes, candidate, boxes, other) <= iouThreshold)) kept.push(candidate);
  }
  return kept;
}

/**
 * Soft-NMS with a Gaussian (Bodla et al. 1704.04503 eq. 7): in place of being dropped, an overlapping box’s score falls by
 * exp(−IoU²/σ). Gives what stays above the threshold, surest first, with its new score.
 */
export function suppressSoftly(
  boxes: Boxes,
  scores: ArrayLike<number>,
  { scoreThreshold, sigma, limit }: { scoreThreshold: number; sigma: number; limit: number },
): Kept[] {
  const left = new Map<number, number>();
  for (let i = 0; i < boxCount(boxes); i++) if ((scores[i] ?? 0) > scoreThreshold) left.set(i, scores[i] ?? 0);
  const kept: Kept[] = [];
  while (left.size > 0 && kept.length < limit) {
    let [best, score] = [-1, Number.NEGATIVE_INFINITY];
    for (const [index, value] of left) if (value > score) [best, score] = [index, value];
    left.delete(best);
    kept.push({ index: best, score });
    for (const [index, value] of left) {
      const fallen = value * Math.exp(-(iouAt(boxes, best, boxes, index) ** 2) / sigma);
      if (fallen > scoreThreshold) left.set(index, fallen);
      else left.delete(index);
    }
  }
  return kept;
}

export interface ClassDetection extends Kept {
  /** 0 … classes − 1. */
  readonly label: number;
}

/**
 * Class by class, then the surest of all (research/object_detection `core/post_processing.py`). `scores` is [count × classes];
 * `boxes` one for each place of `count`, or one for each class at each place: [count × classes]. `index` is the box's.
 */
export function suppressByClass(
  boxes: Boxes,
  scores: ArrayLike<number>,
  classes: number,
  { scoreThreshold, iouThreshold, perClass, total }: SuppressionOptions,
): ClassDetection[] {
  const count = scores.length / classes;
  const each = boxCount(boxes) === count ? 1 : classes;
  const found: ClassDetection[] = [];
  for (let label = 0; label < classes; label++) {
    const own = Float64Array.from({ length: count }, (_, i) => scores[i * classes + label] ?? 0);
    const indexOf = (place: number): number => (each === 1 ? place : place * each + label);
    const places =
      each === 1
        ? boxes
        : Float64Array.from({ length: count * 4 }, (_, i) => boxes[indexOf(Math.floor(i / 4)) * 4 + (i % 4)] ?? 0);
    const limits = { scoreThreshold, iouThreshold, limit: perClass };
    for (const place of suppress(places, own, limits))
      found.push({ index: indexOf(place), label, score: own[place] ?? 0 });
  }
  return found.sort((a, b) => b.score - a.score).slice(0, total);
}
