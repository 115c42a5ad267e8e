/** Figures of a classifier on a labelled set. */
export interface ClassificationFigures {
  readonly images: number;
  /** Mean cross-entropy in nats. */
  readonly loss: number;
  readonly accuracy: number;
  readonly top5: number;
  readonly macroPrecision: number;
  readonly macroRecall: number;
  readonly macroF1: number;
  readonly perClass: { label: string; support: number; precision: number; recall: number; f1: number }[];
  /** Row: the true class; column: the predicted one. */
  readonly confusion: number[][];
}

/**
 * Scores logits [rows × classes, row-major] against labels [rows]. As in scikit-learn: precision, recall and F1 are 0
 * where their divisor is 0 (`zero_division=0`), macro means go over the classes that occur in the labels or the
 * predictions, and ties go to the lower class index (argmax). Top-5 is top-`classes` where there are fewer than five.
 */
export function scoreLogits(
  logits: Float32Array,
  labels: ArrayLike<number>,
  classes: readonly string[],
): ClassificationFigures {
  const width = classes.length;
  const rows = labels.length;
  if (logits.length !== rows * width) throw new Error(`${logits.length} logits for ${rows} rows of ${width} classes`);
  const confusion = classes.map(() => new Array<number>(width).fill(0));
  let lossSum = 0;
  let hits5 = 0;
  for (let row = 0; row < rows; row++) {
    const scores = logits.subarray(row * width, (row + 1) * width);
    const label = labels[row] ?? -1;
    const truth = scores[label];
    if (truth === undefined) throw new Error(`label ${label} of row ${row} is outside 0…${width - 1}`);
    lossSum += logSumExp(scores) - truth;
    if (rankOf(scores, label) < 5) hits5++;
    const counts = confusion[label];
    if (counts) counts[argMax(scores)] = (counts[argMax(scores)] ?? 0) + 1;
  }
  return { images: rows, loss: ratio(lossSum, rows), top5: ratio(hits5, rows), ...summarize(confusion, classes) };
}

function summarize(confusion: number[][], classes: readonly string[]) {
  const predicted = classes.map((_, column) => confusion.reduce((sum, row) => sum + (row[column] ?? 0), 0));
  const perClass = classes.map((label, index) => {
    const row = confusion[index] ?? [];
    const support = row.reduce((sum, count) => sum + count, 0);
    const hits = row[index] ?? 0;
    const precision = ratio(hits, predicted[index] ?? 0);
    const recall = ratio(hits, support);
    return { label, support, precision, recall, f1: ratio(2 * precision * recall, precision + recall) };
  });
  const occurring = perClass.filter((figures, index) => figures.support > 0 || (predicted[index] ?? 0) > 0);
  const mean = (pick: (figures: (typeof perClass)[number]) => number): number =>
    ratio(
      occurring.reduce((sum, figures) => sum + pick(figures), 0),
      occurring.length,
    );
  const images = perClass.reduce((sum, { support }) => sum + support, 0);
  const hits = confusion.reduce((sum, row, index) => sum + (row[index] ?? 0), 0);
  return {
    accuracy: ratio(hits, images),
    macroPrecision: mean(({ precision }) => precision),
    macroRecall: mean(({ recall }) => recall),
    macroF1: mean(({ f1 }) => f1),
    perClass,
    confusion,
  };
}

/** log Σ exp(x), shifted by the maximum so that it can't overflow. */
export function logSumExp(scores: Float32Array): number {
  let max = -Infinity;
  for (const score of scores) max = Math.max(max, score);
  let sum = 0;
  for (const score of scores) sum += Math.exp(score - max);
  return max + Math.log(sum);
}

/** exp(x − log Σ exp(x)). */
export function softmax(scores: Float32Array): number[] {
  const total = logSumExp(scores);
  return Array.from(scores, (score) => Math.exp(score - total));
}

/** The first of the largest. */
export function argMax(scores: Float32Array): number {
  let best = 0;
  for (let i = 1; i < scores.length; i++) if ((scores[i] ?? 0) > (scores[best] ?? 0)) best = i;
  return best;
}

/** The likeliest classes first, at most `top`; of equal ones the lower index. `scores` has one for each class. */
export function likeliest(
  scores: readonly number[],
  classes: readonly string[],
  top: number,
): { readonly label: string; readonly score: number }[] {
  const ranked = classes.map((label, index) => ({ label, score: scores[index] ?? 0 }));
  return ranked.sort((a, b) => b.score - a.score).slice(0, top);
}

/** How many classes come before `label`: those with a larger score, or an equal one and a lower index. */
function rankOf(scores: Float32Array, label: number): number {
  const own = scores[label] ?? 0;
  let before = 0;
  for (const [index, score] of scores.entries()) if (score > own || (score === own && index < label)) before++;
  return before;
}

const ratio = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole);
