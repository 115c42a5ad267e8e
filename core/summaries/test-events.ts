import { argMax, softmax } from '../metrics/classification.ts';
import type { ClassificationFigures } from '../metrics/classification.ts';
import { confusionPicture } from './confusion-picture.ts';
import { prCurve } from './pr-curve.ts';
import type { Picture, Summary } from './summary.ts';

/** Classes with the lowest F1 get a PR curve; more would be a page that nobody reads. */
const MAX_CURVES = 30;
/** Wrong answers that are shown, the surest first. */
const MAX_ERRORS = 12;
/** What a label may take of a tag. */
const LABEL_CHARACTERS = 40;

export interface Scored {
  readonly classes: readonly string[];
  /** [rows × classes], row-major. */
  readonly logits: Float32Array;
  /** Class indexes [rows]. */
  readonly labels: ArrayLike<number>;
  readonly metrics: ClassificationFigures;
}

/** A row of the test side that was answered wrongly, and how sure the model was of it. */
export interface WrongAnswer {
  readonly row: number;
  readonly truth: string;
  readonly answer: string;
  /** Of the answer, 0 to 1. */
  readonly probability: number;
}

/** The wrong answers that the model was surest of, the surest first; equals in the order of rows. */
export function worstAnswers({ classes, logits, labels }: Scored, count = MAX_ERRORS): WrongAnswer[] {
  const wrong: WrongAnswer[] = [];
  for (let row = 0; row < labels.length; row++) {
    const scores = logits.subarray(row * classes.length, (row + 1) * classes.length);
    const best = argMax(scores);
    const label = labels[row] ?? 0;
    if (best === label) continue;
    const probability = softmax(scores)[best] ?? 0;
    wrong.push({ row, truth: classes[label] ?? '', answer: classes[best] ?? '', probability });
  }
  return wrong.sort((a, b) => b.probability - a.probability || a.row - b.row).slice(0, count);
}

/** Figures, PR curves, the confusion matrix and the worst errors of a model on its test side. */
export function testSummaries(
  scored: Scored,
  errors: readonly { readonly answer: WrongAnswer; readonly picture: Picture }[],
): Summary[] {
  const { loss, accuracy, top5, macroF1, macroPrecision, macroRecall, confusion } = scored.metrics;
  const figures = {
    ...{ loss, accuracy, 'top-5 accuracy': top5 },
    ...{ 'macro F1': macroF1, 'macro precision': macroPrecision, 'macro recall': macroRecall },
  };
  const matrix = confusionPicture(confusion);
  return [
    ...Object.entries(figures).map(([tag, value]): Summary => ({ kind: 'scalar', tag, value })),
    ...curves(scored),
    ...(matrix ? [matrixSummary(matrix, scored.classes)] : []),
    ...errors.map(({ answer, picture }, i): Summary => {
      const name = `${short(answer.truth)} taken for ${short(answer.answer)}`;
      const about = `${name}, with probability ${answer.probability.toFixed(3)}`;
      return { kind: 'image', tag: `errors/${String(i + 1).padStart(2, '0')} ${name}`, pictures: [picture], about };
    }),
  ];
}

function curves({ classes, logits, labels, metrics }: Scored): Summary[] {
  const hardest = metrics.perClass
    .map(({ f1, support }, index) => ({ f1, support, index }))
    .filter(({ support }) => support > 0)
    .sort((a, b) => a.f1 - b.f1 || a.index - b.index)
    .slice(0, MAX_CURVES);
  const scores = new Map(hardest.map(({ index }) => [index, new Float32Array(labels.length)]));
  for (let row = 0; row < labels.length; row++) {
    const probabilities = softmax(logits.subarray(row * classes.length, (row + 1) * classes.length));
    for (const [index, column] of scores) column[row] = probabilities[index] ?? 0;
  }
  return [...scores].map(([index, column]): Summary => {
    const positive = Array.from(labels, (label) => label === index);
    return { kind: 'pr-curve', tag: `PR/${short(classes[index] ?? '')}`, curve: prCurve(column, positive) };
  });
}

function matrixSummary(picture: Picture, classes: readonly string[]): Summary {
  const order = classes.slice(0, 100).map(short).join(', ') + (classes.length > 100 ? ' …' : '');
  const about = `Rows: true classes; columns: predicted ones; darker: a larger share of the row. In order: ${order}`;
  return { kind: 'image', tag: 'confusion matrix', pictures: [picture], about };
}

const short = (label: string): string =>
  label.length <= LABEL_CHARACTERS ? label : `${label.slice(0, LABEL_CHARACTERS - 1)}…`;
