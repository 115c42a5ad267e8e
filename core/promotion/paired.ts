import { bootstrap, percentile } from './bootstrap.ts';
import type { BootstrapOptions } from './bootstrap.ts';
import { coinTail } from './counts.ts';

/** What two models say of the same images, in the same order. Classes are indexes below `classes`. */
export interface PairedAnswers {
  readonly classes: number;
  readonly labels: ArrayLike<number>;
  readonly challenger: ArrayLike<number>;
  readonly champion: ArrayLike<number>;
}

/** A change of a figure, challenger less champion, with one-sided bounds at the confidence that was asked for. */
export interface Change {
  readonly change: number;
  readonly lower: number;
  readonly upper: number;
}

export interface PairedComparison {
  readonly images: number;
  /** Images that the challenger alone gets right, and the champion alone. */
  readonly wins: number;
  readonly losses: number;
  /** How often a fair coin favours the challenger so much (McNemar, exact, one-sided). */
  readonly pValue: number;
  readonly accuracy: Change;
  readonly macroF1: Change;
}

/** The paired comparison that the gate and the reports rest on. Pure; the same input has the same answer. */
export function comparePaired(
  answers: PairedAnswers,
  { confidence, ...options }: BootstrapOptions & { readonly confidence: number },
): PairedComparison {
  const images = answers.labels.length;
  const cells = cellsOf(answers);
  const { wins, losses } = winsAndLosses(answers);
  const figures = (counts: Uint32Array): readonly [number, number] => {
    const challenger = scored(cells.list, counts, answers.classes, 'challenger');
    const champion = scored(cells.list, counts, answers.classes, 'champion');
    return [challenger.accuracy - champion.accuracy, challenger.macroF1 - champion.macroF1];
  };
  const groups = { count: cells.list.length, of: cells.ofRow };
  const once = new Uint32Array(groups.count);
  for (const cell of groups.of) once[cell] = (once[cell] ?? 0) + 1;
  const [accuracy, macroF1] = figures(once);
  const [accuracies, macroF1s] = images === 0 ? [] : bootstrap(images, options, figures, groups);
  const bounded = (change: number, values: Float64Array | undefined): Change => ({
    change,
    lower: values ? percentile(values, 1 - confidence) : Number.NaN,
    upper: values ? percentile(values, confidence) : Number.NaN,
  });
  return {
    images,
    wins,
    losses,
    pValue: coinTail(wins, losses),
    accuracy: bounded(accuracy, accuracies),
    macroF1: bounded(macroF1, macroF1s),
  };
}

export function winsAndLosses(
  { labels, challenger, champion }: Omit<PairedAnswers, 'classes'>,
  rows?: readonly number[],
) {
  let [wins, losses] = [0, 0];
  const count = (row: number): void => {
    const [ours, theirs] = [challenger[row] === labels[row], champion[row] === labels[row]];
    if (ours && !theirs) wins++;
    if (theirs && !ours) losses++;
  };
  if (rows) rows.forEach(count);
  else for (let row = 0; row < labels.length; row++) count(row);
  return { wins, losses };
}

interface Cell {
  readonly label: number;
  readonly challenger: number;
  readonly champion: number;
}

/** Images of the same label and the same two answers count alike: a resample is scored by its few kinds of images. */
function cellsOf({ classes, labels, challenger, champion }: PairedAnswers) {
  const known = new Map<number, number>();
  const list: Cell[] = [];
  const ofRow = new Uint32Array(labels.length);
  for (let row = 0; row < labels.length; row++) {
    const cell = { label: labels[row] ?? 0, challenger: challenger[row] ?? 0, champion: champion[row] ?? 0 };
    const name = (cell.label * classes + cell.challenger) * classes + cell.champion;
    const index = known.get(name) ?? list.push(cell) - 1;
    known.set(name, index);
    ofRow[row] = index;
  }
  return { list, ofRow };
}

/** Accuracy and macro F1 as core/metrics/classification.ts has them: over the classes that occur. */
function scored(
  cells: readonly Cell[],
  counts: Uint32Array,
  classes: number,
  model: 'challenger' | 'champion',
): { readonly accuracy: number; readonly macroF1: number } {
  const [support, predicted, hits] = [0, 1, 2].map(() => new Float64Array(classes));
  if (!support || !predicted || !hits) throw new Error('unreachable');
  let [images, right] = [0, 0];
  for (const [index, cell] of cells.entries()) {
    const count = counts[index] ?? 0;
    const answer = cell[model];
    images += count;
    support[cell.label] = (support[cell.label] ?? 0) + count;
    predicted[answer] = (predicted[answer] ?? 0) + count;
    if (answer !== cell.label) continue;
    right += count;
    hits[answer] = (hits[answer] ?? 0) + count;
  }
  let [sum, occurring] = [0, 0];
  for (let index = 0; index < classes; index++) {
    // F1 = 2·TP / (support + predicted): precision and recall with their divisors cancelled.
    const both = (support[index] ?? 0) + (predicted[index] ?? 0);
    if (both === 0) continue;
    occurring++;
    sum += (2 * (hits[index] ?? 0)) / both;
  }
  return { accuracy: images === 0 ? 0 : right / images, macroF1: occurring === 0 ? 0 : sum / occurring };
}
