import { minimize } from './lbfgs.ts';
import type { Iteration, MinimizeOptions } from './lbfgs.ts';
import { logisticObjective, parameterCount, squaredHingeObjective } from './objectives.ts';
import type { LabelledCodes } from './objectives.ts';

export type LinearKind = 'linear-probe' | 'svm';

export interface LinearOptions extends MinimizeOptions {
  /** Inverse strength of the penalty, as in scikit-learn. */
  readonly c: number;
}

/** A linear classifier: scores are codes · kernel + bias. */
export interface LinearClassifier {
  /** [width × classes], as a dense layer has it. */
  readonly kernel: Float32Array;
  readonly bias: Float32Array;
}

/** Learns it, exactly: both problems are convex. Yields after every iteration; returns the classifier. */
export function* learnLinear(
  kind: LinearKind,
  data: LabelledCodes,
  options: LinearOptions,
): Generator<Iteration, LinearClassifier, undefined> {
  const x = new Float64Array(parameterCount(data));
  // scikit-learn penalizes the difference of two classes once, as one vector; here each has half of it.
  const c = data.classes === 2 ? options.c / 2 : options.c;
  if (kind === 'linear-probe') yield* minimize(logisticObjective(data, c), x, options);
  else yield* oneAgainstTheOthers(data, x, options);
  return asDense(x, data);
}

/** Of two classes one classifier says all: the other is its negative, as in scikit-learn. */
function* oneAgainstTheOthers(
  data: LabelledCodes,
  x: Float64Array,
  options: LinearOptions,
): Generator<Iteration, void, undefined> {
  const stride = data.width + 1;
  let done = 0;
  for (let k = data.classes === 2 ? 1 : 0; k < data.classes; k++) {
    const own = x.subarray(k * stride, (k + 1) * stride);
    let last = 0;
    for (const each of minimize(squaredHingeObjective(data, k, options.c), own, options)) {
      last = each.iteration;
      yield { ...each, iteration: done + each.iteration };
    }
    done += last;
  }
  if (data.classes === 2) for (let i = 0; i < stride; i++) x[i] = -(x[stride + i] ?? 0);
}

function asDense(x: Float64Array, { width, classes }: LabelledCodes): LinearClassifier {
  const kernel = new Float32Array(width * classes);
  const bias = new Float32Array(classes);
  for (let k = 0; k < classes; k++) {
    for (let j = 0; j < width; j++) kernel[j * classes + k] = x[k * (width + 1) + j] ?? 0;
    bias[k] = x[k * (width + 1) + width] ?? 0;
  }
  return { kernel, bias };
}

/** Scores [rows × classes] of codes [rows × width]. */
export function linearScores({ kernel, bias }: LinearClassifier, codes: Float32Array): Float32Array {
  const classes = bias.length;
  const width = kernel.length / classes;
  const rows = codes.length / width;
  const scores = new Float32Array(rows * classes);
  for (let row = 0; row < rows; row++) {
    for (let k = 0; k < classes; k++) {
      let sum = bias[k] ?? 0;
      for (let j = 0; j < width; j++) sum += (codes[row * width + j] ?? 0) * (kernel[j * classes + k] ?? 0);
      scores[row * classes + k] = sum;
    }
  }
  return scores;
}
