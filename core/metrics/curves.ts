/** A curve of one class against the rest, and the area under it. */
export interface Curve {
  readonly points: (readonly [number, number])[];
  readonly area: number;
}

export interface RankingCurves {
  readonly positives: number;
  /** [recall, precision], from the surest on; the area is the average precision. */
  readonly precisionRecall: Curve;
  /** [false positive rate, true positive rate]; the area is that under the curve. */
  readonly roc: Curve;
}

/** Points that a curve keeps: more than a screen can show. */
const MAX_POINTS = 400;

/**
 * Precision against recall and the receiver operating characteristic at every distinct score (Fawcett 2006, algorithm 1;
 * average precision Σ (Rₙ − Rₙ₋₁) Pₙ, as scikit-learn's). Without positives both areas are 0, without negatives the
 * second.
 */
export function rankingCurves(scores: ArrayLike<number>, isPositive: (row: number) => boolean): RankingCurves {
  const order = Array.from({ length: scores.length }, (_, row) => row).sort((a, b) => at(scores, b) - at(scores, a));
  const positives = order.filter(isPositive).length;
  const negatives = order.length - positives;
  const precisionRecall: [number, number][] = [[0, 1]];
  const roc: [number, number][] = [[0, 0]];
  let [truePositives, falsePositives, averagePrecision, area] = [0, 0, 0, 0];
  for (let i = 0; i < order.length;) {
    const score = at(scores, order[i] ?? 0);
    const [before, wrong] = [truePositives, falsePositives];
    for (; i < order.length && at(scores, order[i] ?? 0) === score; i++) {
      if (isPositive(order[i] ?? 0)) truePositives++;
      else falsePositives++;
    }
    const precision = truePositives / (truePositives + falsePositives);
    const [recall, fallOut] = [share(truePositives, positives), share(falsePositives, negatives)];
    averagePrecision += (recall - share(before, positives)) * precision;
    area += ((fallOut - share(wrong, negatives)) * (recall + share(before, positives))) / 2;
    precisionRecall.push([recall, precision]);
    roc.push([fallOut, recall]);
  }
  return {
    positives,
    precisionRecall: { points: thinned(precisionRecall), area: averagePrecision },
    roc: { points: thinned(roc), area },
  };
}

export interface CalibrationBin {
  readonly from: number;
  readonly to: number;
  readonly count: number;
  /** Means over the bin; 0 where it is empty. */
  readonly confidence: number;
  readonly accuracy: number;
}

/**
 * How far confidence is from accuracy: the expected calibration error over bins of equal width (Guo et al. 2017, eq. 5).
 * A confidence of 1 falls into the last bin.
 */
export function calibration(
  confidence: ArrayLike<number>,
  isRight: (row: number) => boolean,
  bins = 15,
): { error: number; bins: CalibrationBin[] } {
  const sums = Array.from({ length: bins }, () => ({ count: 0, confidence: 0, right: 0 }));
  for (let row = 0; row < confidence.length; row++) {
    const value = at(confidence, row);
    const sum = sums[Math.min(bins - 1, Math.floor(value * bins))];
    if (!sum) continue;
    sum.count++;
    sum.confidence += value;
    if (isRight(row)) sum.right++;
  }
  const found = sums.map(({ count, confidence: total, right }, i) => ({
    ...{ from: i / bins, to: (i + 1) / bins, count },
    ...{ confidence: share(total, count), accuracy: share(right, count) },
  }));
  const rows = Math.max(1, confidence.length);
  return { error: found.reduce((e, b) => e + (b.count / rows) * Math.abs(b.accuracy - b.confidence), 0), bins: found };
}

const at = (values: ArrayLike<number>, index: number): number => values[index] ?? 0;
const share = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole);

/** Every so many points, and both ends. */
function thinned(points: [number, number][]): [number, number][] {
  const step = Math.ceil(points.length / MAX_POINTS);
  return points.filter((_, i) => i % step === 0 || i === points.length - 1);
}
