import { learnLinear, linearScores } from '../linear/classifiers.ts';
import type { LabelledCodes } from '../linear/objectives.ts';
import { argMax } from '../metrics/classification.ts';
import { permutation } from '../rng.ts';

/** What a classifier that learnt from so many images gets right of the held-out ones. */
export interface CurvePoint {
  readonly images: number;
  /** Mean over the draws. */
  readonly accuracy: number;
  /** Of each draw: other images of the same number. */
  readonly draws: readonly number[];
}

/** more: twice the images would bring a point or more; little: less; enough: next to nothing; unsure: the test is too small to say. */
export type CurveVerdict = 'more' | 'little' | 'enough' | 'unsure';

export interface LearningCurve {
  readonly points: readonly CurvePoint[];
  readonly heldOut: number;
  /** Standard error of the last accuracy. */
  readonly standardError: number;
  /** By the power law through the points; null where they don't follow one. */
  readonly accuracyAtTwice: number | null;
  readonly verdict: CurveVerdict;
}

const FRACTIONS = [0.1, 0.2, 0.4, 0.6, 0.8, 1];
/** Below the whole each size is drawn so often: what a few images teach depends on which. */
const DRAWS = 3;
/** A linear classifier on codes is near its end long before: this is a comparison of sizes, not a model. */
const SOLVED = { c: 1, tolerance: 1e-3, maxIterations: 60 };
/** Points of accuracy that are worth going out for, and that are not. */
const [WORTH, NOTHING] = [0.01, 0.005];

/**
 * Learns from a tenth of the training codes, a fifth … and all of them, each class in its share, and scores the held-out
 * ones each time. Yields the share of the work that is done; returns the curve.
 */
export function* learningCurve(
  train: LabelledCodes,
  held: LabelledCodes,
  seed: number,
): Generator<number, LearningCurve, undefined> {
  const points: CurvePoint[] = [];
  const all = FRACTIONS.reduce((sum, fraction) => sum + fraction * (fraction === 1 ? 1 : DRAWS), 0);
  let done = 0;
  for (const fraction of FRACTIONS) {
    const draws: number[] = [];
    let images = 0;
    for (let draw = 0; draw < (fraction === 1 ? 1 : DRAWS); draw++) {
      const part = partOf(train, fraction, seed + draw);
      images = part.labels.length;
      draws.push(accuracyOf(part, held));
      done += fraction;
      yield done / all;
    }
    // Of few images a tenth and a fifth are the same: one of each class.
    if (points.at(-1)?.images !== images) points.push({ images, accuracy: mean(draws), draws });
  }
  return judgeCurve(points, held.labels.length);
}

/** What the points say about twice the images. */
export function judgeCurve(points: readonly CurvePoint[], heldOut: number): LearningCurve {
  const last = points.at(-1);
  const accuracy = last?.accuracy ?? 0;
  const standardError = Math.sqrt((accuracy * (1 - accuracy)) / Math.max(1, heldOut));
  const accuracyAtTwice = last === undefined ? null : extrapolate(points, 2 * last.images);
  const risen = accuracy - (points.at(Math.max(0, points.length - 4))?.accuracy ?? 0);
  const gain = (accuracyAtTwice ?? accuracy) - accuracy;
  const verdict = ((): CurveVerdict => {
    if (gain < NOTHING) return 'enough';
    // What rises by less than the test can tell may as well be flat.
    if (risen < standardError) return 'unsure';
    return gain >= WORTH ? 'more' : 'little';
  })();
  return { points, heldOut, standardError, accuracyAtTwice, verdict };
}

/**
 * error = a · images^−b by least squares of the logarithms over the last four points (Hestness et al., "Deep Learning
 * Scaling is Predictable, Empirically", 2017), never worse than the last. Null with fewer than three points or no errors.
 */
function extrapolate(points: readonly CurvePoint[], images: number): number | null {
  const used = points.slice(-4).filter(({ accuracy }) => accuracy < 1);
  if (used.length < 3) return null;
  const xs = used.map((point) => Math.log(point.images));
  const ys = used.map((point) => Math.log(1 - point.accuracy));
  const [x0, y0] = [mean(xs), mean(ys)];
  const square = xs.reduce((sum, x) => sum + (x - x0) ** 2, 0);
  if (square === 0) return null;
  const slope = Math.min(0, xs.reduce((sum, x, i) => sum + (x - x0) * ((ys[i] ?? 0) - y0), 0) / square);
  // From the last point on: what the line misses there it would miss later as well.
  const last = used[used.length - 1];
  return last === undefined ? null : 1 - (1 - last.accuracy) * (images / last.images) ** slope;
}

function accuracyOf(part: LabelledCodes, held: LabelledCodes): number {
  const steps = learnLinear('linear-probe', part, SOLVED);
  let step = steps.next();
  while (!step.done) step = steps.next();
  const scores = linearScores(step.value, held.codes);
  let right = 0;
  for (const [row, label] of held.labels.entries()) {
    if (argMax(scores.subarray(row * held.classes, (row + 1) * held.classes)) === label) right++;
  }
  return right / Math.max(1, held.labels.length);
}

/** The same share of every class, one image at least; a larger share holds the smaller one of the same draw. */
function partOf({ codes, labels, width, classes }: LabelledCodes, fraction: number, seed: number): LabelledCodes {
  const rows: number[] = [];
  for (let label = 0; label < classes; label++) {
    const own = [...labels.keys()].filter((row) => labels[row] === label);
    const order = permutation(own.length, seed, 'learning-curve', label);
    const wanted = Math.max(Math.min(1, own.length), Math.round(fraction * own.length));
    for (let i = 0; i < wanted; i++) rows.push(own[order(i)] ?? 0);
  }
  rows.sort((a, b) => a - b);
  const chosen = new Float32Array(rows.length * width);
  for (const [at, row] of rows.entries()) chosen.set(codes.subarray(row * width, (row + 1) * width), at * width);
  return { codes: chosen, labels: Int32Array.from(rows, (row) => labels[row] ?? 0), width, classes };
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
