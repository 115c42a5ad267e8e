/** Counts at thresholds 0, 1/(n−1), … 1: an item is taken for positive from the threshold up. */
export interface PrCurve {
  readonly truePositives: readonly number[];
  readonly falsePositives: readonly number[];
  readonly trueNegatives: readonly number[];
  readonly falseNegatives: readonly number[];
  /** 0 where nothing is taken for positive, as TensorBoard's own writer has it. */
  readonly precision: readonly number[];
  readonly recall: readonly number[];
}

/** TensorBoard's _DEFAULT_NUM_THRESHOLDS. */
const THRESHOLDS = 201;

/** One class against the rest: `scores` in [0, 1] beside whether each item is of the class (tensorboard/plugins/pr_curve/summary.py). */
export function prCurve(scores: ArrayLike<number>, positive: ArrayLike<boolean>, thresholds = THRESHOLDS): PrCurve {
  const hits = new Array<number>(thresholds).fill(0);
  const misses = new Array<number>(thresholds).fill(0);
  for (let i = 0; i < scores.length; i++) {
    // In float32, as TensorFlow multiplies: a score at a threshold must fall on the same side of it.
    const score = Math.fround(Math.min(1, Math.max(0, scores[i] ?? 0)));
    const bucket = Math.floor(Math.fround(score * (thresholds - 1)));
    const counts = positive[i] === true ? hits : misses;
    counts[bucket] = (counts[bucket] ?? 0) + 1;
  }
  const truePositives = sumsFromTheEnd(hits);
  const falsePositives = sumsFromTheEnd(misses);
  const positives = truePositives[0] ?? 0;
  const negatives = falsePositives[0] ?? 0;
  const precision = truePositives.map((tp, i) => ratio(tp, tp + (falsePositives[i] ?? 0)));
  return {
    truePositives,
    falsePositives,
    trueNegatives: falsePositives.map((fp) => negatives - fp),
    falseNegatives: truePositives.map((tp) => positives - tp),
    precision,
    recall: truePositives.map((tp) => ratio(tp, positives)),
  };
}

function sumsFromTheEnd(counts: readonly number[]): number[] {
  const sums = [...counts];
  for (let i = sums.length - 2; i >= 0; i--) sums[i] = (sums[i] ?? 0) + (sums[i + 1] ?? 0);
  return sums;
}

const ratio = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole);
