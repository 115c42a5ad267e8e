import { byCategory, byImage, mean } from './boxes.ts';
import type { DetectedBox, DetectionSet, TruthBox } from './boxes.ts';
import { AREA_RANGES, HIT, linspace, matchClass, MISSED, MOST_DETECTIONS, withIous } from './coco-matching.ts';
import type { AreaName, Matched } from './coco-matching.ts';

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

export const recallPoints: readonly number[] = linspace(0, 1, 101);
const AT_50 = 0;
const AT_75 = 5;

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

/** Precision made non-increasing from the right (in place), read where recall first reaches each of the points; 0 beyond. */
export function readAtRecalls(
  recalls: readonly number[],
  precisions: number[],
  points: readonly number[] = recallPoints,
): Float64Array {
  for (let i = precisions.length - 1; i > 0; i--) {
    precisions[i - 1] = Math.max(precisions[i - 1] ?? 0, precisions[i] ?? 0);
  }
  const read = new Float64Array(points.length);
  let place = 0;
  for (const [index, point] of points.entries()) {
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
