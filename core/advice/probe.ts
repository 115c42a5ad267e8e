import { learnLinear, linearScores } from '../linear/classifiers.ts';
import type { LabelledCodes } from '../linear/objectives.ts';
import { argMax } from '../metrics/classification.ts';
import { permutation } from '../rng.ts';

export interface ProbeOptions {
  readonly folds: number;
  readonly seed: number;
  readonly c: number;
  readonly maxIterations: number;
}

/** Enough to tell one situation from another; a training that follows solves it to the end. */
export const defaultProbe: ProbeOptions = { folds: 3, seed: 1, c: 1, maxIterations: 100 };

/**
 * Share of rows that a logistic regression names rightly which it was not learnt from: each class is dealt over the folds
 * like cards, in an order of its own. Yields between folds, as a solution takes seconds; returns the share.
 */
export function* crossValidate(data: LabelledCodes, options: ProbeOptions): Generator<number, number, undefined> {
  const folds = dealFolds(data.labels, data.classes, options);
  let correct = 0;
  for (let fold = 0; fold < options.folds; fold++) {
    const learn = rowsWhere(folds, (each) => each !== fold);
    const held = rowsWhere(folds, (each) => each === fold);
    const steps = learnLinear('linear-probe', pick(data, learn), { ...options, tolerance: 1e-3 });
    let step = steps.next();
    while (!step.done) step = steps.next();
    const tested = pick(data, held);
    const scores = linearScores(step.value, tested.codes);
    for (const [row, label] of tested.labels.entries()) {
      if (argMax(scores.subarray(row * data.classes, (row + 1) * data.classes)) === label) correct++;
    }
    yield fold;
  }
  return data.labels.length === 0 ? 0 : correct / data.labels.length;
}

/** So many of the rows, ascending: the same ones each time. */
export function probeRows(rows: number, wanted: number): number[] {
  const all = Array.from({ length: rows }, (_, row) => row);
  if (rows <= wanted) return all;
  const order = permutation(rows, defaultProbe.seed, 'probe-rows', 0);
  return all
    .slice(0, wanted)
    .map((at) => order(at))
    .sort((a, b) => a - b);
}

/** Share of the commonest label. */
export function majorityOf(labels: Int32Array, classes: number): number {
  const counts = new Array<number>(classes).fill(0);
  for (const label of labels) counts[label] = (counts[label] ?? 0) + 1;
  return labels.length === 0 ? 0 : Math.max(...counts) / labels.length;
}

/** The fold of each row. */
function dealFolds(labels: Int32Array, classes: number, { folds, seed }: ProbeOptions): Int32Array {
  const byClass = Array.from({ length: classes }, (): number[] => []);
  for (const [row, label] of labels.entries()) byClass[label]?.push(row);
  const dealt = new Int32Array(labels.length);
  let next = 0;
  for (const [label, rows] of byClass.entries()) {
    const order = permutation(rows.length, seed, 'advice-folds', label);
    for (let i = 0; i < rows.length; i++) dealt[rows[order(i)] ?? 0] = next++ % folds;
  }
  return dealt;
}

function rowsWhere(folds: Int32Array, wanted: (fold: number) => boolean): number[] {
  return [...folds.keys()].filter((row) => wanted(folds[row] ?? 0));
}

function pick({ codes, labels, width, classes }: LabelledCodes, rows: readonly number[]): LabelledCodes {
  const chosen = new Float32Array(rows.length * width);
  for (const [at, row] of rows.entries()) chosen.set(codes.subarray(row * width, (row + 1) * width), at * width);
  return { codes: chosen, labels: Int32Array.from(rows, (row) => labels[row] ?? 0), width, classes };
}
