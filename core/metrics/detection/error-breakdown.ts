import { boxIou, bySureness, groupBy, mean } from './boxes.ts';
import type { DetectedBox, DetectionSet, TruthBox } from './boxes.ts';
import { readAtRecalls } from './coco.ts';

/** Why precision is lost (Bolya et al., “TIDE: A General Toolbox for Identifying Object Detection Errors”, ECCV 2020). */
export const errorKinds = ['classification', 'localization', 'both', 'duplicate', 'background', 'missed'] as const;
export type ErrorKind = (typeof errorKinds)[number];

export interface ErrorBreakdown {
  /** Average precision at IoU .5, classes without objects included where something was detected, in [0, 1]. */
  readonly AP: number;
  /** How many of each there are. */
  readonly counts: Readonly<Record<ErrorKind, number>>;
  /** What average precision would gain if errors of that kind alone were mended, in [0, 1]. */
  readonly gains: Readonly<Record<ErrorKind, number>>;
  /** The gain of perfect precision at this recall, and of perfect recall at this precision. */
  readonly falsePositives: number;
  readonly falseNegatives: number;
}

const FOUND_IOU = 0.5;
const BACKGROUND_IOU = 0.1;
const MOST_DETECTIONS = 100;
/** tidecv divides by 100 where NumPy’s linspace multiplies: the last bits differ, and with them whether a recall is reached. */
const recallPoints = Array.from({ length: 101 }, (_, i) => i / 100);

/** A detection on the precision–recall curve of its class. */
interface Point {
  readonly category: number;
  readonly score: number;
  readonly hit: boolean;
}

interface DetectionError {
  readonly kind: ErrorKind;
  /** Where it stands on the curve: null for an object that was missed and for a detection in a crowd. */
  readonly as: Point | null;
  /** The object it would find if it were mended. */
  readonly claims: TruthBox | null;
  readonly detection: DetectedBox | null;
}

interface Errors {
  /** Every detection on the curve, in the order in which equal scores stand. */
  readonly points: Point[];
  readonly hits: Point[];
  readonly errors: DetectionError[];
  readonly unfound: TruthBox[];
}

/**
 * tidecv’s breakdown at IoU .5 and background below .1: same classes, order of tests and treatment of ties. Where several
 * errors would find the same object, mending gives it to the surest of them and drops the others.
 */
export function breakDownErrors(set: DetectionSet): ErrorBreakdown {
  const all: Errors = { points: [], hits: [], errors: [], unfound: [] };
  const truths = groupBy(set.truths, ({ image }) => image);
  const detections = groupBy(set.detections, ({ image }) => image);
  for (let image = 0; image < set.images; image++) {
    judgeImage(truths.get(image) ?? [], detections.get(image) ?? [], all);
  }
  const positives = new Map<number, number>();
  for (const { category, crowd } of set.truths) if (!crowd) addTo(positives, category, 1);
  const AP = averagePrecision(all.points, positives);
  const gain = (points: readonly Point[], counts = positives): number => averagePrecision(points, counts) - AP;
  const everywhere = [...pointsOf(all.errors), ...all.hits];
  const found = new Map(positives);
  for (const { category } of all.unfound) addTo(found, category, -1);
  return {
    AP,
    counts: perKind((kind) => all.errors.filter((error) => error.kind === kind).length),
    gains: perKind((kind) => Math.max(gain(...mended(all, kind, positives)), 0)),
    falsePositives: gain(everywhere.map((point) => ({ ...point, score: point.hit ? 1 : 0 }))),
    falseNegatives: gain(everywhere, found),
  };
}

function perKind(value: (kind: ErrorKind) => number): Record<ErrorKind, number> {
  return {
    classification: value('classification'),
    localization: value('localization'),
    both: value('both'),
    duplicate: value('duplicate'),
    background: value('background'),
    missed: value('missed'),
  };
}

const addTo = (counts: Map<number, number>, category: number, by: number): void => {
  counts.set(category, (counts.get(category) ?? 0) + by);
};

const pointsOf = (errors: readonly DetectionError[]): Point[] => errors.flatMap(({ as }) => (as ? [as] : []));

/** One image: all classes together, surest first. */
function judgeImage(inImage: readonly TruthBox[], all: readonly DetectedBox[], into: Errors): void {
  const truths = inImage.filter(({ crowd }) => !crowd);
  const crowds = inImage.filter(({ crowd }) => crowd);
  const detections = bySureness(all).slice(0, MOST_DETECTIONS);
  const ious = detections.map(({ box }) => truths.map((truth) => boxIou(box, truth.box)));
  const finder = new Map<DetectedBox, number>();
  const taken = new Set<number>();
  for (const [row, detection] of detections.entries()) {
    const free = argMax(
      ious[row] ?? [],
      (index) => truths[index]?.category === detection.category && !taken.has(index),
    );
    if (free.value < FOUND_IOU) continue;
    finder.set(detection, free.index);
    taken.add(free.index);
  }
  const mendable = new Set<number>();
  for (const [row, detection] of detections.entries()) {
    const point = { category: detection.category, score: detection.score };
    if (finder.has(detection)) {
      const hit = { ...point, hit: true };
      into.hits.push(hit);
      into.points.push(hit);
      continue;
    }
    const { kind, about } = errorOf(detection, ious[row] ?? [], truths, taken);
    const claims = about !== null && !taken.has(about) ? about : null;
    if (claims !== null) mendable.add(claims);
    const as = inCrowd(detection, crowds) ? null : { ...point, hit: false };
    if (as) into.points.push(as);
    into.errors.push({ kind, as, detection, claims: claims === null ? null : (truths[claims] ?? null) });
  }
  for (const [index, truth] of truths.entries()) {
    if (taken.has(index)) continue;
    into.unfound.push(truth);
    if (!mendable.has(index)) into.errors.push({ kind: 'missed', as: null, detection: null, claims: truth });
  }
}

function inCrowd({ box, category }: DetectedBox, crowds: readonly TruthBox[]): boolean {
  return crowds.some((crowd) => crowd.category === category && boxIou(box, crowd.box, true) > FOUND_IOU);
}

/** The first test that fits, in tidecv’s order. `about`: the object that a better box or class would have found. */
function errorOf(
  detection: DetectedBox,
  ious: readonly number[],
  truths: readonly TruthBox[],
  taken: ReadonlySet<number>,
): { kind: Exclude<ErrorKind, 'missed'>; about: number | null } {
  if (truths.length === 0) return { kind: 'background', about: null };
  const ownClass = (index: number): boolean => truths[index]?.category === detection.category;
  const own = argMax(ious, ownClass);
  if (own.value >= BACKGROUND_IOU && own.value <= FOUND_IOU) return { kind: 'localization', about: own.index };
  const other = argMax(ious, (index) => !ownClass(index));
  if (other.value >= FOUND_IOU) return { kind: 'classification', about: other.index };
  const used = argMax(ious, (index) => ownClass(index) && taken.has(index));
  if (used.value >= FOUND_IOU) return { kind: 'duplicate', about: null };
  if (argMax(ious, () => true).value <= BACKGROUND_IOU) return { kind: 'background', about: null };
  return { kind: 'both', about: null };
}

/** The first of the largest among those admitted; what is not admitted counts as 0. */
function argMax(values: readonly number[], admitted: (index: number) => boolean): { index: number; value: number } {
  let best = { index: 0, value: 0 };
  for (const [index, value] of values.entries()) if (value > best.value && admitted(index)) best = { index, value };
  return best;
}

/** The curve’s points and the objects that count, were all errors of one kind mended. */
function mended(
  { hits, errors }: Errors,
  kind: ErrorKind,
  positives: ReadonlyMap<number, number>,
): [Point[], Map<number, number>] {
  const counts = new Map(positives);
  const surest = surestClaims(errors);
  const points: Point[] = [];
  for (const error of errors) {
    if (error.kind !== kind) {
      if (error.as) points.push(error.as);
    } else if (kind === 'missed') {
      if (error.claims) addTo(counts, error.claims.category, -1);
    } else if (error.claims && error.detection && surest.get(error.claims) === error) {
      points.push({ category: error.claims.category, score: error.detection.score, hit: true });
    }
  }
  return [[...points, ...hits], counts];
}

/** For each object that an error of class or place would find: the surest of these errors, the first of equals. */
function surestClaims(errors: readonly DetectionError[]): Map<TruthBox, DetectionError> {
  const surest = new Map<TruthBox, DetectionError>();
  for (const error of errors) {
    if (!error.claims || !error.detection) continue;
    const known = surest.get(error.claims)?.detection;
    if (!known || known.score < error.detection.score) surest.set(error.claims, error);
  }
  return surest;
}

/** Mean over the classes that have an object or a detection; read at the recalls 0, .01 … 1. */
function averagePrecision(points: readonly Point[], positives: ReadonlyMap<number, number>): number {
  const classes = new Set([...points.map(({ category }) => category), ...positives.keys()]);
  const values: number[] = [];
  const ofClass = groupBy(points, ({ category }) => category);
  for (const category of classes) {
    const own = ofClass.get(category) ?? [];
    const count = positives.get(category) ?? 0;
    if (own.length > 0 || count > 0) values.push(classPrecision(own, count));
  }
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}

function classPrecision(points: readonly Point[], positives: number): number {
  if (positives === 0) return 0;
  const recalls: number[] = [];
  const precisions: number[] = [];
  let hits = 0;
  for (const [index, point] of bySureness(points).entries()) {
    if (point.hit) hits++;
    recalls.push(hits / positives);
    precisions.push(hits / (index + 1));
  }
  return mean([...readAtRecalls(recalls, precisions, recallPoints)]);
}
