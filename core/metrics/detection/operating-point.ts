import { boxIou, bySureness, groupBy } from './boxes.ts';
import type { DetectedBox, DetectionSet, TruthBox } from './boxes.ts';

/** Detections below it are not shown to anybody, and are not counted here. */
export const SHOWN_SCORE = 0.5;
const FOUND_IOU = 0.5;
const WORST = 24;

/** What became of each object, and of the background. */
export interface OperatingPoint {
  readonly scoreThreshold: number;
  /** Row: the true class; column: the found one; the last of both is the background. */
  readonly confusion: number[][];
  /** Class of each object that counts, in the order of the set. */
  readonly labels: Int32Array;
  /** What each was taken for; −1 where it was not found. */
  readonly given: Int32Array;
  /** Of each image: objects that were not found, and detections that are wrong. */
  readonly perImage: readonly { readonly missed: number; readonly wrong: number }[];
  /** Detections that are sure enough, and whether each is right; those on crowds and difficult objects are in neither. */
  readonly right: ReadonlySet<DetectedBox>;
  readonly wrong: ReadonlySet<DetectedBox>;
  /** Objects that count and were not found. */
  readonly missed: ReadonlySet<TruthBox>;
}

/**
 * Every detection that is sure enough takes the free object that it overlaps most, from IoU .5 on and whatever its class;
 * the surest first. Crowds and difficult objects count for nothing, and neither do detections on them.
 */
export function operatingPoint(set: DetectionSet, scoreThreshold = SHOWN_SCORE): OperatingPoint {
  const classes = set.categories.length;
  const confusion = Array.from({ length: classes + 1 }, () => new Array<number>(classes + 1).fill(0));
  const count = (truth: number, found: number): void => {
    const row = confusion[truth];
    if (row) row[found] = (row[found] ?? 0) + 1;
  };
  const counted = set.truths.filter(({ crowd, difficult }) => !crowd && !difficult);
  const given = new Map<TruthBox, number>();
  const perImage = Array.from({ length: set.images }, () => ({ missed: 0, wrong: 0 }));
  const [right, wrong, missed] = [new Set<DetectedBox>(), new Set<DetectedBox>(), new Set<TruthBox>()];
  const truths = groupBy(set.truths, ({ image }) => image);
  const detections = groupBy(set.detections, ({ image }) => image);
  for (let image = 0; image < set.images; image++) {
    const tally = perImage[image];
    const sure = bySureness(detections.get(image) ?? []).filter(({ score }) => score >= scoreThreshold);
    for (const detection of sure) {
      const truth = bestFree(detection, truths.get(image) ?? [], given);
      if (truth === 'ignored') continue;
      count(truth?.category ?? classes, detection.category);
      if (truth) given.set(truth, detection.category);
      const fits = truth?.category === detection.category;
      (fits ? right : wrong).add(detection);
      if (tally && !fits) tally.wrong++;
    }
  }
  for (const truth of counted) {
    if (given.has(truth)) continue;
    missed.add(truth);
    count(truth.category, classes);
    const tally = perImage[truth.image];
    if (tally) tally.missed++;
  }
  return {
    ...{ scoreThreshold, confusion, perImage, right, wrong, missed },
    labels: Int32Array.from(counted, ({ category }) => category),
    given: Int32Array.from(counted, (truth) => given.get(truth) ?? -1),
  };
}

function bestFree(
  { box }: DetectedBox,
  truths: readonly TruthBox[],
  taken: ReadonlyMap<TruthBox, number>,
): TruthBox | 'ignored' | null {
  let best: TruthBox | null = null;
  let overlap = FOUND_IOU;
  let ignored = false;
  for (const truth of truths) {
    const iou = boxIou(box, truth.box, truth.crowd);
    if (truth.crowd || truth.difficult) ignored ||= iou >= FOUND_IOU;
    else if (!taken.has(truth) && (iou > overlap || (best === null && iou === FOUND_IOU)))
      [best, overlap] = [truth, iou];
  }
  return best ?? (ignored ? 'ignored' : null);
}

/** The pictures in which most is wrong, by name. */
export function worstPictures(
  { perImage }: OperatingPoint,
  paths: readonly string[],
): { path: string; missed: number; wrong: number }[] {
  return perImage
    .map((tally, image) => ({ path: paths[image] ?? String(image), ...tally }))
    .filter(({ missed, wrong }) => missed + wrong > 0)
    .sort((a, b) => b.missed + b.wrong - (a.missed + a.wrong) || (a.path < b.path ? -1 : 1))
    .slice(0, WORST);
}

export interface ObjectFigures {
  readonly images: number;
  readonly loss: number;
  /** Share of the objects that were found and named right. */
  readonly accuracy: number;
  readonly top5: number;
  readonly macroPrecision: number;
  readonly macroRecall: number;
  readonly macroF1: number;
  readonly perClass: { label: string; support: number; precision: number; recall: number; f1: number }[];
  readonly confusion: number[][];
}

/** The figures of a classifier, object by object: precision, recall and F1 of what would be shown. */
export function objectFigures(
  { confusion, labels, given }: OperatingPoint,
  { images, loss, classes }: { readonly images: number; readonly loss: number; readonly classes: readonly string[] },
): ObjectFigures {
  const share = (part: number, of: number): number => (of === 0 ? 0 : part / of);
  const perClass = classes.map((label, index) => {
    const right = confusion[index]?.[index] ?? 0;
    const support = (confusion[index] ?? []).reduce((sum, value) => sum + value, 0);
    const found = confusion.reduce((sum, row) => sum + (row[index] ?? 0), 0);
    const [precision, recall] = [share(right, found), share(right, support)];
    return { label, support, precision, recall, f1: share(2 * precision * recall, precision + recall) };
  });
  const mean = (pick: (of: (typeof perClass)[number]) => number): number =>
    share(
      perClass.reduce((sum, each) => sum + pick(each), 0),
      perClass.length,
    );
  const right = labels.reduce((sum, label, object) => sum + (given[object] === label ? 1 : 0), 0);
  const accuracy = share(right, labels.length);
  return {
    ...{ images, loss, accuracy, top5: accuracy, perClass },
    macroPrecision: mean(({ precision }) => precision),
    macroRecall: mean(({ recall }) => recall),
    macroF1: mean(({ f1 }) => f1),
    confusion: classes.map((_, row) => classes.map((__, column) => confusion[row]?.[column] ?? 0)),
  };
}
