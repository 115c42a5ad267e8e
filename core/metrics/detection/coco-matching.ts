import { boxIou, bySureness } from './boxes.ts';
import type { DetectedBox, ImageGroup, TruthBox } from './boxes.ts';

/** `numpy.linspace`: start + i × step, with the end itself last. */
export function linspace(start: number, stop: number, count: number): number[] {
  const step = (stop - start) / (count - 1);
  return Array.from({ length: count }, (_, i) => (i === count - 1 ? stop : i * step + start));
}

export const iouThresholds: readonly number[] = linspace(0.5, 0.95, 10);

/** Objects’ areas in square pixels. */
export const AREA_RANGES = {
  all: [0, 1e10],
  small: [0, 32 ** 2],
  medium: [32 ** 2, 96 ** 2],
  large: [96 ** 2, 1e10],
} as const;
export type AreaName = keyof typeof AREA_RANGES;
type AreaRange = (typeof AREA_RANGES)[AreaName];
export const MOST_DETECTIONS = 100;

/** What became of a detection at one IoU threshold. */
export const MISSED = 0;
export const HIT = 1;
export const IGNORED = 2;

/** One class in one area range: every detection with its fate at each threshold, surest first. */
export interface Matched {
  /** The image of each. */
  readonly images: Int32Array;
  /** Place within its image, 0 the surest. */
  readonly ranks: Int32Array;
  /** [thresholds × detections]. */
  readonly fates: readonly Uint8Array[];
  /** Objects that count. */
  readonly positives: number;
  /** The same by image. */
  readonly positivesIn: ReadonlyMap<number, number>;
}

/** An image’s boxes of one class, and how much they overlap. */
export interface ScoredImage {
  readonly image: number;
  readonly truths: readonly TruthBox[];
  /** Surest first, at most a hundred. */
  readonly detections: readonly DetectedBox[];
  /** [detections][truths]. */
  readonly ious: readonly (readonly number[])[];
}

export function withIous({ image, truths, detections }: ImageGroup<DetectedBox>): ScoredImage {
  const kept = bySureness(detections).slice(0, MOST_DETECTIONS);
  const ious = kept.map(({ box }) => truths.map((truth) => boxIou(box, truth.box, truth.crowd)));
  return { image, truths, detections: kept, ious };
}

const outside = (area: number, [least, most]: AreaRange): boolean => area < least || area > most;

export function matchClass(images: readonly ScoredImage[], range: AreaRange): Matched {
  const scores: number[] = [];
  const places: number[] = [];
  const ranks: number[] = [];
  const fates = iouThresholds.map((): number[] => []);
  const positivesIn = new Map<number, number>();
  for (const image of images) {
    const ignored = image.truths.map((truth) => truth.crowd || outside(truth.area, range));
    positivesIn.set(image.image, ignored.filter((flag) => !flag).length);
    // What counts comes first, and a detection that found one of these looks no further.
    const order = [...image.truths.keys()].sort((a, b) => Number(ignored[a]) - Number(ignored[b]));
    for (const [rank, { score }] of image.detections.entries()) {
      scores.push(score);
      places.push(image.image);
      ranks.push(rank);
    }
    for (const [index, threshold] of iouThresholds.entries()) {
      fates[index]?.push(...matchImage(image, { order, ignored, range, threshold }));
    }
  }
  const surest = [...scores.keys()].sort((a, b) => (scores[b] ?? 0) - (scores[a] ?? 0));
  const sorted = (list: readonly number[]): number[] => surest.map((index) => list[index] ?? 0);
  return {
    images: Int32Array.from(sorted(places)),
    ranks: Int32Array.from(sorted(ranks)),
    fates: fates.map((list) => Uint8Array.from(sorted(list))),
    positives: [...positivesIn.values()].reduce((sum, count) => sum + count, 0),
    positivesIn,
  };
}

interface MatchRules {
  /** Indexes of the truths: those that count, then those that are ignored. */
  readonly order: readonly number[];
  readonly ignored: readonly boolean[];
  readonly range: AreaRange;
  readonly threshold: number;
}

/** The fate of each detection of an image, surest first (cocoeval.py `evaluateImg`). */
function matchImage({ truths, detections, ious }: ScoredImage, rules: MatchRules): number[] {
  const taken = new Set<number>();
  return detections.map(({ box }, index) => {
    const match = bestTruth(ious[index] ?? [], truths, rules, taken);
    if (match === null) return outside(box[2] * box[3], rules.range) ? IGNORED : MISSED;
    taken.add(match);
    return rules.ignored[match] ? IGNORED : HIT;
  });
}

function bestTruth(
  ious: readonly number[],
  truths: readonly TruthBox[],
  { order, ignored, threshold }: MatchRules,
  taken: ReadonlySet<number>,
): number | null {
  let best: number | null = null;
  let least = Math.min(threshold, 1 - 1e-10);
  for (const candidate of order) {
    if (taken.has(candidate) && !truths[candidate]?.crowd) continue;
    if (best !== null && !ignored[best] && ignored[candidate]) break;
    const iou = ious[candidate] ?? 0;
    if (iou < least) continue;
    least = iou;
    best = candidate;
  }
  return best;
}
