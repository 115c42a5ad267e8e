import type { MapScheduleConfig } from '../../contracts/detector-fields.ts';
import type { EpochDetection } from '../../contracts/detection-metrics.ts';
import type { TrainCounters } from '../../contracts/run.ts';
import { CROWD, DIFFICULT } from '../../core/dataset/framed-boxes.ts';
import type { Objects } from '../../core/detection/targets.ts';
import { sidesAt } from '../../core/detection/boxes.ts';
import type { DetectedBox, DetectionSet, TruthBox, XywhBox } from '../../core/metrics/detection/boxes.ts';
import { evaluateCoco } from '../../core/metrics/detection/coco.ts';
import { precisionIntervals } from '../../core/metrics/detection/interval.ts';
import { mapsOf, movingMedian } from '../../core/training/detector-curves.ts';
import type { Detection } from '../detectors/detector.ts';
import type { RowObjects } from '../../core/detection/row-objects.ts';
import type { DetectorSource } from './detector-inputs.ts';
import type { DetectorLearner } from './detector-learner.ts';
import { breathe } from './job.ts';
import { range } from './samples.ts';
import type { ValidationFigures } from './validate.ts';

export interface DetectorValidation {
  readonly learner: DetectorLearner;
  readonly source: DetectorSource;
  readonly batchSize: number;
  readonly lossNames: readonly string[];
  readonly classes: readonly string[];
  readonly schedule: MapScheduleConfig;
  readonly epochs: number;
}

/** Losses after every epoch, without L2; mAP after those that the schedule names and the last, in pixels of the input. */
export async function validateDetector(
  parts: DetectorValidation,
  epoch: number,
  { history, last }: Pick<TrainCounters, 'history' | 'last'>,
): Promise<ValidationFigures> {
  const { learner, source, batchSize, schedule, epochs, lossNames } = parts;
  const isDue = epoch % schedule.everyEpochs === 0 || epoch === epochs;
  const sums = lossNames.map(() => 0);
  const found: Detection[][] = [];
  for (let start = 0; start < source.rows; start += batchSize) {
    const indexes = range(start, Math.min(batchSize, source.rows - start));
    const batch = await source.batch(source.prefetch(indexes, null), null);
    for (const [index, loss] of learner.losses(batch).entries()) sums[index] = (sums[index] ?? 0) + loss * batch.rows;
    if (isDue) found.push(...learner.detections(batch.x, batch.rows));
    await breathe();
  }
  const means = sums.map((sum) => sum / source.rows);
  const losses = Object.fromEntries(lossNames.map((name, index) => [name, means[index] ?? Number.NaN]));
  const loss = means.reduce((sum, each) => sum + each, 0);
  const before = last?.detection;
  const figures = isDue ? mapOf(parts, found) : null;
  const mAP50 = figures?.mAP50 ?? before?.mAP50 ?? 0;
  const maps = mapsOf({
    history: [...history, { trainLoss: 0, validationLoss: loss, validationAccuracy: mAP50 }],
    ...{ epoch, everyEpochs: schedule.everyEpochs },
  });
  const detection: EpochDetection = {
    losses,
    evaluated: isDue,
    mAP: before?.mAP ?? 0,
    ...{ mAP50, low50: before?.low50 ?? null, high50: before?.high50 ?? null },
    median50: maps.length === 0 ? mAP50 : movingMedian(maps, schedule.medianOf),
    ...figures,
  };
  return { loss, accuracy: mAP50, detection };
}

function mapOf({ source, classes, schedule }: DetectorValidation, found: readonly Detection[][]) {
  const [heightPx = 1, widthPx = 1] = source.spec.shape;
  const set = detectionSet(found, source.objects, classes, { heightPx, widthPx });
  const { AP, AP50 } = evaluateCoco(set).figures;
  // −1 where the side has no object at all.
  const figures = { mAP: Math.max(0, AP), mAP50: Math.max(0, AP50) };
  if (schedule.resamples === 0) return { ...figures, low50: null, high50: null };
  const intervals = precisionIntervals(set, { resamples: schedule.resamples, level: 0.95, seed: 1 });
  return { ...figures, low50: intervals.AP50.low, high50: intervals.AP50.high };
}

/** Detections and objects in pixels of the input. */
export function detectionSet(
  found: readonly (readonly Detection[])[],
  objects: readonly RowObjects[],
  classes: readonly string[],
  size: { readonly heightPx: number; readonly widthPx: number },
): DetectionSet {
  const detections = found.flatMap((own, image) =>
    own.map(({ label, score, box }): DetectedBox => ({ image, category: label, box: inPixels(box, size), score })),
  );
  const truths = objects.flatMap((own, image) => truthsOf(own, image, size));
  return { images: objects.length, categories: classes, truths, detections };
}

function truthsOf(
  { boxes, labels, flags }: Objects & Pick<RowObjects, 'flags'>,
  image: number,
  size: { readonly heightPx: number; readonly widthPx: number },
): TruthBox[] {
  return [...flags].map((flag, index) => {
    const box = inPixels(sidesAt(boxes, index), size);
    const known = { crowd: (flag & CROWD) !== 0, difficult: (flag & DIFFICULT) !== 0 };
    return { image, category: labels[index] ?? 0, box, area: box[2] * box[3], ...known };
  });
}

function inPixels(
  [top, left, bottom, right]: readonly [number, number, number, number],
  { heightPx, widthPx }: { readonly heightPx: number; readonly widthPx: number },
): XywhBox {
  return [left * widthPx, top * heightPx, (right - left) * widthPx, (bottom - top) * heightPx];
}
