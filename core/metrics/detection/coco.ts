import { boxIou, byCategory, byImage, bySureness } from './boxes.ts';
import type { DetectedBox, DetectionSet, ImageGroup, TruthBox } from './boxes.ts';

/**
 * COCO’s twelve figures for boxes, as cocodataset/cocoapi `PythonAPI/pycocotools/cocoeval.py` computes them: a greedy match
 * in order of score, crowds matched as often as wanted, what lies outside an area range ignored, precision made monotonous
 * from the right and read at 101 recalls. A figure that nothing contributes to is −1.
 */
export interface CocoFigures {
  /** Mean over IoU .50 … .95 and classes. */
  readonly AP: number;
  readonly AP50: number;
  readonly AP75: number;
  readonly APsmall: number;
  readonly APmedium: number;
  readonly APlarge: number;
  /** Mean recall with at most 1, 10, 100 detections an image and class. */
  readonly AR1: number;
  readonly AR10: number;
  readonly AR100: number;
  readonly ARsmall: number;
  readonly ARmedium: number;
  readonly ARlarge: number;
}

export interface CocoClassFigures {
  readonly AP: number;
  readonly AP50: number;
  readonly AP75: number;
  readonly AR100: number;
  /** Precision at IoU .5 for recall 0, .01 … 1; empty where the class has no object. */
  readonly precisionAt50: readonly number[];
}

export interface CocoEvaluation {
  readonly figures: CocoFigures;
  /** In the order of the set’s categories. */
  readonly perClass: readonly CocoClassFigures[];
}

/** `numpy.linspace`: start + i × step, with the end itself last. */
function linspace(start: number, stop: number, count: number): number[] {
  const step = (stop - start) / (count - 1);
  return Array.from({ length: count }, (_, i) => (i === count - 1 ? stop : i * step + start));
}

export const iouThresholds: readonly number[] = linspace(0.5, 0.95, 10);
export const recallPoints: readonly number[] = linspace(0, 1, 101);
const AREA_RANGES = {
  all: [0, 1e10],
  small: [0, 32 ** 2],
  medium: [32 ** 2, 96 ** 2],
  large: [96 ** 2, 1e10],
} as const;
type AreaName = keyof typeof AREA_RANGES;
type AreaRange = (typeof AREA_RANGES)[AreaName];
const MOST_DETECTIONS = 100;
const AT_50 = 0;
const AT_75 = 5;

/** What became of a detection at one IoU threshold. */
const MISSED = 0;
const HIT = 1;
const IGNORED = 2;

/** One class in one area range: every detection with its fate at each threshold, surest first. */
interface Matched {
  /** Place within its image, 0 the surest. */
  readonly ranks: Int32Array;
  /** [thresholds × detections]. */
  readonly fates: readonly Uint8Array[];
  /** Objects that count. */
  readonly positives: number;
}

/** [thresholds][101 recalls] and [thresholds]; null where no object counts. */
interface Curves {
  readonly precision: readonly Float64Array[];
  readonly recall: readonly number[];
}

export function evaluateCoco(set: DetectionSet): CocoEvaluation {
  const truths = byCategory(set.truths, set.categories.length);
  const detections = byCategory(set.detections, set.categories.length);
  const perClass = set.categories.map((_, category) => classCurves(truths[category] ?? [], detections[category] ?? []));
  const precision = (area: AreaName, threshold?: number): number =>
    mean(perClass.flatMap((curves) => precisionsOf(curves[area], threshold)));
  const recall = (curvesOf: (curves: ClassCurves) => Curves | null): number =>
    mean(perClass.flatMap((curves) => curvesOf(curves)?.recall ?? []));
  return {
    figures: {
      AP: precision('all'),
      AP50: precision('all', AT_50),
      AP75: precision('all', AT_75),
      APsmall: precision('small'),
      APmedium: precision('medium'),
      APlarge: precision('large'),
      AR1: recall((curves) => curves.atMost1),
      AR10: recall((curves) => curves.atMost10),
      AR100: recall((curves) => curves.all),
      ARsmall: recall((curves) => curves.small),
      ARmedium: recall((curves) => curves.medium),
      ARlarge: recall((curves) => curves.large),
    },
    perClass: perClass.map(({ all }) => ({
      AP: mean(precisionsOf(all)),
      AP50: mean(precisionsOf(all, AT_50)),
      AP75: mean(precisionsOf(all, AT_75)),
      AR100: mean(all?.recall ?? []),
      precisionAt50: precisionsOf(all, AT_50),
    })),
  };
}

type ClassCurves = Readonly<Record<AreaName | 'atMost1' | 'atMost10', Curves | null>>;

function classCurves(truths: readonly TruthBox[], detections: readonly DetectedBox[]): ClassCurves {
  const images = byImage(truths, detections).map(withIous);
  const all = matchClass(images, AREA_RANGES.all);
  return {
    all: accumulate(all, MOST_DETECTIONS),
    atMost10: accumulate(all, 10),
    atMost1: accumulate(all, 1),
    small: accumulate(matchClass(images, AREA_RANGES.small), MOST_DETECTIONS),
    medium: accumulate(matchClass(images, AREA_RANGES.medium), MOST_DETECTIONS),
    large: accumulate(matchClass(images, AREA_RANGES.large), MOST_DETECTIONS),
  };
}

interface ScoredImage {
  readonly truths: readonly TruthBox[];
  /** Surest first, at most a hundred. */
  readonly detections: readonly DetectedBox[];
  /** [detections][truths]. */
  readonly ious: readonly (readonly number[])[];
}

function withIous({ truths, detections }: ImageGroup<DetectedBox>): ScoredImage {
  const kept = bySureness(detections).slice(0, MOST_DETECTIONS);
  const ious = kept.map(({ box }) => truths.map((truth) => boxIou(box, truth.box, truth.crowd)));
  return { truths, detections: kept, ious };
}

const outside = (area: number, [least, most]: AreaRange): boolean => area < least || area > most;

function matchClass(images: readonly ScoredImage[], range: AreaRange): Matched {
  const scores: number[] = [];
  const ranks: number[] = [];
  const fates = iouThresholds.map((): number[] => []);
  let positives = 0;
  for (const image of images) {
    const ignored = image.truths.map((truth) => truth.crowd || outside(truth.area, range));
    positives += ignored.filter((flag) => !flag).length;
    // What counts comes first, and a detection that found one of these looks no further.
    const order = [...image.truths.keys()].sort((a, b) => Number(ignored[a]) - Number(ignored[b]));
    for (const [rank, { score }] of image.detections.entries()) {
      scores.push(score);
      ranks.push(rank);
    }
    for (const [index, threshold] of iouThresholds.entries()) {
      fates[index]?.push(...matchImage(image, { order, ignored, range, threshold }));
    }
  }
  const surest = [...scores.keys()].sort((a, b) => (scores[b] ?? 0) - (scores[a] ?? 0));
  const sorted = (list: readonly number[]): number[] => surest.map((index) => list[index] ?? 0);
  return {
    ranks: Int32Array.from(sorted(ranks)),
    fates: fates.map((list) => Uint8Array.from(sorted(list))),
    positives,
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

/** cocoeval.py `accumulate` for one class, area range and number of detections an image. */
function accumulate({ ranks, fates, positives }: Matched, mostDetections: number): Curves | null {
  if (positives === 0) return null;
  const precision: Float64Array[] = [];
  const recall: number[] = [];
  for (const fate of fates) {
    const recalls: number[] = [];
    const precisions: number[] = [];
    let [hits, misses] = [0, 0];
    for (const [index, rank] of ranks.entries()) {
      if (rank >= mostDetections) continue;
      if (fate[index] === HIT) hits++;
      else if (fate[index] === MISSED) misses++;
      recalls.push(hits / positives);
      // numpy.spacing(1) keeps the divisor from zero.
      precisions.push(hits / (hits + misses + Number.EPSILON));
    }
    recall.push(recalls.at(-1) ?? 0);
    precision.push(readAtRecalls(recalls, precisions));
  }
  return { precision, recall };
}

/** Precision made non-increasing from the right, read where recall first reaches each of the 101 points; 0 beyond. */
function readAtRecalls(recalls: readonly number[], precisions: number[]): Float64Array {
  for (let i = precisions.length - 1; i > 0; i--) {
    precisions[i - 1] = Math.max(precisions[i - 1] ?? 0, precisions[i] ?? 0);
  }
  const read = new Float64Array(recallPoints.length);
  let place = 0;
  for (const [index, point] of recallPoints.entries()) {
    while (place < recalls.length && (recalls[place] ?? 0) < point) place++;
    read[index] = precisions[place] ?? 0;
  }
  return read;
}

function precisionsOf(curves: Curves | null, threshold?: number): number[] {
  if (curves === null) return [];
  const wanted = threshold === undefined ? curves.precision : curves.precision.slice(threshold, threshold + 1);
  return wanted.flatMap((values) => [...values]);
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? -1 : values.reduce((sum, value) => sum + value, 0) / values.length;
}
