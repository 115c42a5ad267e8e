import pc from 'picocolors';
import type { ClassificationMetrics } from '../../contracts/manifests.ts';
import type { Output } from '../output.ts';
import { count, figure } from './units.ts';

/** A matrix wider than this no terminal shows: the largest confusions are listed instead. */
const WIDEST_MATRIX = 16;
const CONFUSIONS = 10;

/** The figures of a classifier: in one line, per class, and what is taken for what. */
export function showMetrics(metrics: ClassificationMetrics, output: Output): void {
  const { accuracy, top5, macroF1, macroPrecision, macroRecall, loss } = metrics;
  output.table(
    ['accuracy', 'top-5', 'macro F1', 'macro precision', 'macro recall', 'loss'],
    [[accuracy, top5, macroF1, macroPrecision, macroRecall, loss].map(figure)],
  );
  output.table(
    ['class', 'images', 'precision', 'recall', 'F1'],
    metrics.perClass.map(({ label, support, precision, recall, f1 }) => [
      label,
      count(support),
      figure(precision),
      figure(recall),
      figure(f1),
    ]),
  );
  if (metrics.perClass.length <= WIDEST_MATRIX) showMatrix(metrics, output);
  else showConfusions(metrics, output);
}

function showMatrix({ confusion, perClass }: ClassificationMetrics, output: Output): void {
  output.say('true class by row, predicted class by column:');
  output.table(
    ['', ...perClass.map(({ label }) => label)],
    confusion.map((row, index) => [
      perClass[index]?.label ?? '',
      ...row.map((value, column) => (value === 0 ? '·' : column === index ? String(value) : pc.yellow(String(value)))),
    ]),
  );
}

function showConfusions({ confusion, perClass }: ClassificationMetrics, output: Output): void {
  const name = (index: number): string => perClass[index]?.label ?? '';
  const pairs = confusion
    .flatMap((row, truth) => row.map((images, predicted) => ({ truth, predicted, images })))
    .filter(({ truth, predicted, images }) => truth !== predicted && images > 0)
    .sort((a, b) => b.images - a.images)
    .slice(0, CONFUSIONS);
  if (pairs.length === 0) return;
  output.say('most often confused:');
  output.table(
    ['true class', 'taken for', 'images'],
    pairs.map(({ truth, predicted, images }) => [name(truth), name(predicted), count(images)]),
  );
}
