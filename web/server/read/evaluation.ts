import type { ClassificationMetrics, ClassMetrics } from '../../../contracts/manifests.ts';
import type { Calibration, ClassEvaluation, Curves, Headline } from '../../../contracts/web.ts';
import { inputError } from '../../../core/errors.ts';
import { calibration, rankingCurves } from '../../../core/metrics/curves.ts';
import type { RankingCurves } from '../../../core/metrics/curves.ts';
import { scoredItems } from './scored-test.ts';
import type { ScoredTest, Scores } from './scored-test.ts';

const WORST = 48;
/** Decisions that a curve over all classes is drawn from; more are sampled evenly. */
const MAX_DECISIONS = 2_000_000;

export function evaluationView(test: ScoredTest): ClassEvaluation {
  const { evaluation, champion, version } = test;
  const theirs = champion?.evaluation?.metrics ?? null;
  const byLabel = new Map(theirs?.perClass.map((row) => [row.label, row]));
  const pick = ({ precision, recall, f1 }: ClassMetrics) => ({ precision, recall, f1 });
  return {
    task: 'classification',
    classes: version.model.classes,
    headline: headlineOf(evaluation.metrics),
    perClass: evaluation.metrics.perClass.map((row, index) => {
      const other = byLabel.get(row.label);
      return { index, label: row.label, support: row.support, ...pick(row), champion: other ? pick(other) : null };
    }),
    confusion: cellsOf(evaluation.metrics.confusion),
    calibration: calibrationOf(test.scores),
    worst: scoredItems(test, (truth, given) => truth !== given).slice(0, WORST),
    findings: evaluation.findings,
    champion: champion && {
      version: champion.version,
      headline: theirs && headlineOf(theirs),
      confusion: theirs ? cellsOf(theirs.confusion) : [],
      calibration: calibrationOf(champion.scores),
    },
  };
}

export function headlineOf(metrics: Omit<ClassificationMetrics, 'perClass' | 'confusion'>): Headline {
  const { images, loss, accuracy, top5, macroPrecision, macroRecall, macroF1 } = metrics;
  return { images, loss, accuracy, top5, macroPrecision, macroRecall, macroF1 };
}

export function cellsOf(confusion: readonly (readonly number[])[]): [number, number, number][] {
  return confusion.flatMap((row, truth) =>
    row.flatMap((count, given): [number, number, number][] => (count === 0 ? [] : [[truth, given, count]])),
  );
}

function calibrationOf(scores: Scores | null): Calibration | null {
  if (!scores) return null;
  return calibration(scores.confidence, (row) => scores.given[row] === scores.labels[row]);
}

/** Of one class against the rest, or of all decisions at once where it is null. */
export function curvesView({ version, scores, champion }: ScoredTest, index: number | null): Curves {
  const label = index === null ? null : version.model.classes[index];
  if (label === undefined || !scores) {
    const seen = label === undefined ? `class ${index ?? ''}` : 'the scores are gone';
    throw inputError('CLASS_NOT_FOUND', `run ${version.runId}`, seen, 'a class that was tested', 'reload the page');
  }
  const { positives, precisionRecall, roc } = curves(scores, index);
  const theirs = champion?.scores?.classes === scores.classes ? curves(champion.scores, index) : null;
  const shape = ({ points, area }: RankingCurves['roc']) => ({
    area,
    points: points.map(([x, y]): [number, number] => [x, y]),
  });
  return {
    ...{ label, positives },
    precisionRecall: shape(precisionRecall),
    roc: shape(roc),
    champion: theirs && { precisionRecall: shape(theirs.precisionRecall), roc: shape(theirs.roc) },
  };
}

function curves(scores: Scores, index: number | null): RankingCurves {
  const rows = scores.labels.length;
  if (index !== null) {
    const values = Float64Array.from(scores.labels, (_, row) => scores.of(row, index));
    return rankingCurves(values, (row) => scores.labels[row] === index);
  }
  const step = Math.ceil((rows * scores.classes) / MAX_DECISIONS);
  const count = Math.ceil(rows / step);
  const values = new Float64Array(count * scores.classes);
  for (let i = 0; i < values.length; i++)
    values[i] = scores.of(Math.floor(i / scores.classes) * step, i % scores.classes);
  return rankingCurves(values, (i) => scores.labels[Math.floor(i / scores.classes) * step] === i % scores.classes);
}
