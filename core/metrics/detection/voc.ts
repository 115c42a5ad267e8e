import { boxIou, byCategory, bySureness, groupBy, mean } from './boxes.ts';
import type { DetectedBox, DetectionSet, TruthBox } from './boxes.ts';

/** Pascal VOC’s average precision at IoU .5. −1 where a class has no object that counts. */
export interface VocFigures {
  /** VOC 2007: the mean, over recall 0, .1 … 1, of the best precision at that recall or beyond. */
  readonly voc07: number;
  /** VOC 2010 and later: the area under the precision’s envelope. */
  readonly voc10: number;
}

export interface VocEvaluation extends VocFigures {
  /** In the order of the set’s categories; the figures above are their means. */
  readonly perClass: readonly VocFigures[];
}

const IOU = 0.5;

/**
 * As VOCdevkit’s `VOCevaldet.m`: over all images in order of score, a detection belongs to the object it overlaps most,
 * taken or not; the second on an object is a false one, and difficult objects (crowds are) neither ask nor give. Boxes are
 * continuous here, as COCO has them: the devkit adds one to widths, since its corners name whole pixels.
 */
export function evaluateVoc(set: DetectionSet): VocEvaluation {
  const truths = byCategory(set.truths, set.categories.length);
  const detections = byCategory(set.detections, set.categories.length);
  const perClass = set.categories.map((_, category) =>
    classFigures(truths[category] ?? [], detections[category] ?? []),
  );
  const known = perClass.filter(({ voc10 }) => voc10 >= 0);
  return { voc07: mean(known.map(({ voc07 }) => voc07)), voc10: mean(known.map(({ voc10 }) => voc10)), perClass };
}

interface PrecisionRecall {
  readonly precision: readonly number[];
  readonly recall: readonly number[];
}

function classFigures(truths: readonly TruthBox[], detections: readonly DetectedBox[]): VocFigures {
  const positives = truths.filter((truth) => !unasked(truth)).length;
  if (positives === 0) return { voc07: -1, voc10: -1 };
  const curve = precisionRecall(truths, detections, positives);
  return { voc07: elevenPoints(curve), voc10: areaUnder(curve) };
}

const unasked = (truth: TruthBox): boolean => truth.difficult || truth.crowd;

function precisionRecall(
  truths: readonly TruthBox[],
  detections: readonly DetectedBox[],
  positives: number,
): PrecisionRecall {
  const inImage = groupBy(truths, ({ image }) => image);
  const found = new Set<TruthBox>();
  const precision: number[] = [];
  const recall: number[] = [];
  let [hits, misses] = [0, 0];
  // Of equal scores the first image’s comes first, as in a list put together image by image.
  for (const { box, image } of bySureness([...detections].sort((a, b) => a.image - b.image))) {
    const nearest = mostOverlapping(box, inImage.get(image) ?? []);
    if (nearest === null || found.has(nearest)) misses++;
    else if (!unasked(nearest)) {
      found.add(nearest);
      hits++;
    }
    precision.push(hits / Math.max(hits + misses, Number.EPSILON));
    recall.push(hits / positives);
  }
  return { precision, recall };
}

function mostOverlapping(box: DetectedBox['box'], truths: readonly TruthBox[]): TruthBox | null {
  let best: TruthBox | null = null;
  let most = 0;
  for (const truth of truths) {
    const iou = boxIou(box, truth.box);
    if (iou > most) [best, most] = [truth, iou];
  }
  return most >= IOU ? best : null;
}

function elevenPoints({ precision, recall }: PrecisionRecall): number {
  let sum = 0;
  for (let i = 0; i <= 10; i++) {
    const reached = precision.filter((_, index) => (recall[index] ?? 0) >= i * 0.1);
    sum += reached.reduce((best, value) => Math.max(best, value), 0) / 11;
  }
  return sum;
}

function areaUnder({ precision, recall }: PrecisionRecall): number {
  let [area, envelope] = [0, 0];
  for (let index = precision.length - 1; index >= 0; index--) {
    envelope = Math.max(envelope, precision[index] ?? 0);
    area += ((recall[index] ?? 0) - (recall[index - 1] ?? 0)) * envelope;
  }
  return area;
}
