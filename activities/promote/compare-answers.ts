import type { ModelDescription } from '../../contracts/manifests.ts';
import type { TensorData } from '../../core/checkpoint/tensor-data.ts';
import { asFloat32 } from '../../core/checkpoint/tensor-data.ts';

/** Another processor or thread count moves answers by some 1e-5 of their size; another model moves them by far more. */
export const TOLERANCE = 1e-3;

/** Numbers of one object of a detector's `logits` (contracts/manifests.ts, EvaluateOutput), and where its score is. */
const OBJECT = { numbers: 6, score: 1 };

/** How far a model's answers are from those recorded: of the largest difference, or the first that is too large. */
export interface Compared {
  readonly difference: number;
  readonly wrong: { readonly row: number; readonly own: number; readonly recorded: number } | null;
}

/**
 * The first `rows` of `logits` [n, width] as they are and as they were recorded, relative to what was recorded, or to 1. Of a
 * detector its scores, surest first: which of two objects comes first may hang on rounding, how sure it is of them does not.
 */
export function compareAnswers(
  { detector }: Pick<ModelDescription, 'detector'>,
  own: TensorData,
  recorded: TensorData,
  rows: number,
): Compared {
  const width = recorded.shape[1] ?? 1;
  const [seen, known] = [asFloat32(own), asFloat32(recorded)];
  let difference = 0;
  for (let index = 0; index < rows * width; index++) {
    if (detector && index % OBJECT.numbers !== OBJECT.score) continue;
    const [is, was] = [own.shape[1] === width ? (seen[index] ?? Number.NaN) : Number.NaN, known[index] ?? Number.NaN];
    const relative = Math.abs(is - was) / Math.max(1, Math.abs(was));
    if (!(relative <= difference)) difference = relative;
    if (!(relative <= TOLERANCE)) {
      return { difference, wrong: { row: Math.floor(index / width), own: is, recorded: was } };
    }
  }
  return { difference, wrong: null };
}
