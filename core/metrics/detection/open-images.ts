import { boxIou, byCategory, bySureness, groupBy, intersection, mean } from './boxes.ts';
import type { DetectedBox, DetectionSet, TruthBox } from './boxes.ts';

/**
 * Open Images' metrics at IoU .5, as research/object_detection has them (`utils/object_detection_evaluation.py` and
 * `per_image_evaluation.py`). A crowd is a group-of box: detections inside it are neither right nor wrong.
 */
export interface OpenImagesOptions {
  /** What finding a group counts: 0 in Open Images V2, 1 in the challenge, where missing it costs too. */
  readonly groupWeight: number;
  /** Categories that hold each category, itself left out: its objects are objects of these too. */
  readonly ancestors: ReadonlyMap<number, readonly number[]> | null;
  /** Categories of which people have said whether they are in an image; detections of others count for nothing. */
  readonly verified: ((image: number) => ReadonlySet<number>) | null;
}

export const openImagesV2: OpenImagesOptions = { groupWeight: 0, ancestors: null, verified: null };

export interface OpenImagesFigures {
  /** Mean over the classes that have an object; −1 where none has. */
  readonly mAP: number;
  /** In the order of the set’s categories; −1 where a class has no object. */
  readonly perClass: readonly number[];
}

const IOU = 0.5;

export function evaluateOpenImages(set: DetectionSet, options: OpenImagesOptions = openImagesV2): OpenImagesFigures {
  const { ancestors, verified, groupWeight } = options;
  const truths = byCategory(withAncestors(set.truths, ancestors), set.categories.length);
  const counted = verified
    ? set.detections.filter(({ image, category }) => verified(image).has(category))
    : set.detections;
  const detections = byCategory(counted, set.categories.length);
  const perClass = set.categories.map((_, category) =>
    classPrecision(truths[category] ?? [], detections[category] ?? [], groupWeight),
  );
  return { mAP: mean(perClass.filter((value) => value >= 0)), perClass };
}

function withAncestors(truths: readonly TruthBox[], ancestors: OpenImagesOptions['ancestors']): readonly TruthBox[] {
  if (!ancestors) return truths;
  return truths.flatMap((truth) => [
    truth,
    ...(ancestors.get(truth.category) ?? []).map((category) => ({ ...truth, category })),
  ]);
}

/** A detection, or a group that was found: how right it is. */
interface Judged {
  readonly score: number;
  readonly right: number;
}

function classPrecision(truths: readonly TruthBox[], detections: readonly DetectedBox[], groupWeight: number): number {
  const groups = truths.filter(({ crowd }) => crowd).length;
  const positives = truths.filter(({ crowd, difficult }) => !crowd && !difficult).length + groupWeight * groups;
  if (positives === 0) return -1;
  const inImage = groupBy(truths, ({ image }) => image);
  const found = groupBy(
    [...detections].sort((a, b) => a.image - b.image),
    ({ image }) => image,
  );
  const judged = [...found].flatMap(([image, own]) => judgeImage(inImage.get(image) ?? [], own, groupWeight));
  return areaUnder(bySureness(judged), positives);
}

/** One image and one class: first against single objects, then what is left against groups. */
function judgeImage(truths: readonly TruthBox[], all: readonly DetectedBox[], groupWeight: number): Judged[] {
  const singles = truths.filter(({ crowd }) => !crowd);
  const groups = truths.filter(({ crowd }) => crowd);
  const taken = new Set<TruthBox>();
  const groupScores = new Map<TruthBox, number>();
  const judged: Judged[] = [];
  for (const { box, score } of bySureness(all)) {
    const single = largest(singles, (truth) => boxIou(box, truth.box));
    if (single !== null && single.value >= IOU) {
      if (single.truth.difficult) continue;
      if (!taken.has(single.truth)) {
        taken.add(single.truth);
        judged.push({ score, right: 1 });
        continue;
      }
    }
    const area = box[2] * box[3];
    const group = largest(groups, (truth) => (area > 0 ? intersection(box, truth.box) / area : 0));
    if (group !== null && group.value >= IOU) {
      groupScores.set(group.truth, Math.max(groupScores.get(group.truth) ?? 0, score));
    } else judged.push({ score, right: 0 });
  }
  if (groupWeight > 0) for (const score of groupScores.values()) judged.push({ score, right: groupWeight });
  return judged;
}

/** The first of the largest; null where there are none. */
function largest(truths: readonly TruthBox[], measure: (truth: TruthBox) => number) {
  let best: { readonly truth: TruthBox; readonly value: number } | null = null;
  for (const truth of truths) {
    const value = measure(truth);
    if (best === null || value > best.value) best = { truth, value };
  }
  return best;
}

/** The area under the precision’s envelope. */
function areaUnder(judged: readonly Judged[], positives: number): number {
  const precision: number[] = [];
  const recall: number[] = [];
  let [hits, misses] = [0, 0];
  for (const { right } of judged) {
    hits += right;
    if (right <= 0) misses++;
    precision.push(hits / (hits + misses));
    recall.push(hits / positives);
  }
  let [area, best] = [0, 0];
  for (let i = judged.length - 1; i >= 0; i--) {
    best = Math.max(best, precision[i] ?? 0);
    area += ((recall[i] ?? 0) - (recall[i - 1] ?? 0)) * best;
  }
  return area;
}
