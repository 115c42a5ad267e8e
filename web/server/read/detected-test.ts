import { CocoResults, NamedGroundTruth } from '../../../contracts/coco-files.ts';
import type { ClassDetectionFigures, DetectionMetrics } from '../../../contracts/detection-metrics.ts';
import type { EvaluateOutput } from '../../../contracts/manifests.ts';
import type { Curves, DetectionEvaluation, JudgedPicture } from '../../../contracts/web.ts';
import { inputError } from '../../../core/errors.ts';
import { judgedPictures } from '../../../core/metrics/detection/judged-pictures.ts';
import { unwrap } from '../../../core/result.ts';
import { readJson } from '../../../infra/clients/read-json.ts';
import type { ObjectStore } from '../../../infra/ports/object-store.ts';
import { cellsOf } from './evaluation.ts';
import type { ScoredTest } from './scored-test.ts';

type Detection = NonNullable<EvaluateOutput['detection']>;

/** A detector's figures, and the pictures in which most is wrong with their boxes. */
export async function detectionView(
  store: ObjectStore,
  { version, evaluation, champion, items }: ScoredTest,
  detection: Detection,
): Promise<DetectionEvaluation> {
  const { metrics } = detection;
  const theirs = champion?.evaluation?.detection?.metrics ?? null;
  const byLabel = new Map(theirs?.perClass.map((row) => [row.label, row]));
  const { images, objects, detections, coco, voc07, voc10, intervals, errors, scoreThreshold } = metrics;
  return {
    task: 'detection',
    classes: version.model.classes,
    ...{ images, objects, detections, coco, voc07, voc10, intervals, errors, scoreThreshold },
    perClass: metrics.perClass.map((row, index) => {
      const other = byLabel.get(row.label);
      const { label, AP, AP50, AP75, AR100 } = row;
      return {
        ...{ index, label, objects: row.objects, detections: row.detections, AP, AP50, AP75, AR100 },
        champion: other ? { AP: other.AP, AP50: other.AP50 } : null,
      };
    }),
    confusion: cellsOf(metrics.confusion),
    worst: await worstPictures(store, detection, items),
    findings: evaluation.findings,
    champion: champion && { version: champion.version, coco: theirs?.coco ?? null },
  };
}

async function worstPictures(
  store: ObjectStore,
  { metrics, detections, groundTruth }: Detection,
  items: ScoredTest['items'],
): Promise<JudgedPicture[]> {
  const [truth, results] = await Promise.all([
    readJson(store, groundTruth.key, NamedGroundTruth),
    readJson(store, detections.key, CocoResults),
  ]);
  if (!truth || !results) return [];
  const names = metrics.worst.map(({ path }) => path);
  const sha256Of = new Map(items.map(({ path, sha256 }) => [path, sha256]));
  return unwrap(judgedPictures(truth, results, names, metrics.scoreThreshold)).map(({ path, boxes, ...size }) => ({
    ...{ path, ...size, sha256: sha256Of.get(path) ?? null },
    boxes: boxes.map(({ box: [left, top, width, height], ...rest }) => ({ ...rest, box: [left, top, width, height] })),
  }));
}

/** Precision at IoU .5 against recall: of a class, or the mean of all that have objects. */
export function detectionCurves({ version, champion }: ScoredTest, metrics: DetectionMetrics, index: number | null) {
  const label = index === null ? null : version.model.classes[index];
  if (label === undefined) {
    const expected = 'a class that was tested';
    throw inputError('CLASS_NOT_FOUND', `run ${version.runId}`, `class ${index ?? ''}`, expected, 'reload the page');
  }
  const theirs = champion?.evaluation?.detection?.metrics;
  const curves: Curves = {
    label,
    positives: ofClass(metrics, label).reduce((sum, { objects }) => sum + objects, 0),
    precisionRecall: precisionOf(ofClass(metrics, label)),
    roc: null,
    champion: theirs ? { precisionRecall: precisionOf(ofClass(theirs, label)), roc: null } : null,
  };
  return curves;
}

const ofClass = ({ perClass }: DetectionMetrics, label: string | null): readonly ClassDetectionFigures[] =>
  perClass.filter((row) => row.precisionAt50.length > 0 && (label === null || row.label === label));

function precisionOf(rows: readonly ClassDetectionFigures[]): Curves['precisionRecall'] {
  const steps = Math.max(0, ...rows.map(({ precisionAt50 }) => precisionAt50.length));
  const mean = (pick: (row: ClassDetectionFigures) => number): number =>
    rows.reduce((sum, row) => sum + pick(row), 0) / Math.max(1, rows.length);
  return {
    points: Array.from({ length: steps }, (_, step): [number, number] => [
      step / Math.max(1, steps - 1),
      mean(({ precisionAt50 }) => precisionAt50[step] ?? 0),
    ]),
    area: mean(({ AP50 }) => AP50),
  };
}
