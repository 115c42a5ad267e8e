import type { Objective } from './lbfgs.ts';

/** Codes to learn from: row-major [rows × width], and the class of each row. */
export interface LabelledCodes {
  readonly codes: Float32Array;
  readonly labels: Int32Array;
  readonly width: number;
  readonly classes: number;
}

/**
 * Parameters of a linear classifier lie class after class: `width` weights and the bias. Both objectives are divided by
 * C·rows, so that their gradients are means and one tolerance serves sets of any size.
 */
export const parameterCount = ({ width, classes }: LabelledCodes): number => classes * (width + 1);

/**
 * Multinomial logistic regression: C·Σ cross-entropy + ½‖w‖², the bias not penalized. scikit-learn's
 * `LogisticRegression(C=C)` (sklearn/linear_model/_logistic.py).
 */
export function logisticObjective(data: LabelledCodes, c: number): Objective {
  const { codes, labels, width, classes } = data;
  const rows = labels.length;
  const stride = width + 1;
  const scores = new Float64Array(classes);
  return (x, gradient) => {
    gradient.fill(0);
    let loss = 0;
    for (let row = 0; row < rows; row++) {
      const [at, label] = [row * width, labels[row] ?? 0];
      let max = Number.NEGATIVE_INFINITY;
      for (let k = 0; k < classes; k++) {
        const score = scoreOf(x, k * stride, codes, at, width);
        scores[k] = score;
        if (score > max) max = score;
      }
      let sum = 0;
      for (let k = 0; k < classes; k++) sum += Math.exp((scores[k] ?? 0) - max);
      loss += max + Math.log(sum) - (scores[label] ?? 0);
      for (let k = 0; k < classes; k++) {
        const share = Math.exp((scores[k] ?? 0) - max) / sum - (k === label ? 1 : 0);
        addRow(gradient, k * stride, codes, at, width, share / rows);
      }
    }
    return loss / rows + penalty(x, gradient, { stride, width }, 1 / (c * rows));
  };
}

/**
 * One class against the others by the squared hinge: C·Σ max(0, 1 − y·f(x))² + ½(‖w‖² + b²), the bias penalized as a
 * weight of a constant feature. scikit-learn's `LinearSVC(C=C)` (liblinear, Fan et al. 2008 §A.1). `x` is one class's
 * `width` + 1 parameters.
 */
export function squaredHingeObjective(data: LabelledCodes, positive: number, c: number): Objective {
  const { codes, labels, width } = data;
  const rows = labels.length;
  return (x, gradient) => {
    gradient.fill(0);
    let loss = 0;
    for (let row = 0; row < rows; row++) {
      const at = row * width;
      const sign = labels[row] === positive ? 1 : -1;
      const short = 1 - sign * scoreOf(x, 0, codes, at, width);
      if (short <= 0) continue;
      loss += short * short;
      addRow(gradient, 0, codes, at, width, (-2 * sign * short) / rows);
    }
    return loss / rows + penalty(x, gradient, { stride: width + 1, width: width + 1 }, 1 / (c * rows));
  };
}

/** ½·strength·‖w‖² over the first `width` of every `stride` parameters, added to the gradient as well. */
function penalty(
  x: Float64Array,
  gradient: Float64Array,
  { stride, width }: { readonly stride: number; readonly width: number },
  strength: number,
): number {
  let sum = 0;
  for (let i = 0; i < x.length; i++) {
    if (i % stride >= width) continue;
    const weight = x[i] ?? 0;
    sum += weight * weight;
    gradient[i] = (gradient[i] ?? 0) + strength * weight;
  }
  return (strength * sum) / 2;
}

function scoreOf(x: Float64Array, from: number, codes: Float32Array, at: number, width: number): number {
  let sum = x[from + width] ?? 0;
  for (let j = 0; j < width; j++) sum += (x[from + j] ?? 0) * (codes[at + j] ?? 0);
  return sum;
}

function addRow(
  gradient: Float64Array,
  from: number,
  codes: Float32Array,
  at: number,
  width: number,
  factor: number,
): void {
  for (let j = 0; j < width; j++) gradient[from + j] = (gradient[from + j] ?? 0) + factor * (codes[at + j] ?? 0);
  gradient[from + width] = (gradient[from + width] ?? 0) + factor;
}
