import { readFile } from 'node:fs/promises';
import { CocoGroundTruth, CocoResults } from '../../contracts/coco-files.ts';
import type { GateConfig } from '../../contracts/gate-config.ts';
import type { EvaluateOutput } from '../../contracts/manifests.ts';
import { failedError } from '../../core/errors.ts';
import type { DetectionSet } from '../../core/metrics/detection/boxes.ts';
import { cocoSet } from '../../core/metrics/detection/coco-set.ts';
import { precisionDifference } from '../../core/metrics/detection/interval.ts';
import { operatingPoint } from '../../core/metrics/detection/operating-point.ts';
import { bootstrapOf } from '../../core/metrics/detection/report.ts';
import type { SameTestSet } from '../../core/promotion/gate.ts';
import { unwrap } from '../../core/result.ts';
import { currentActivity } from '../lib/activity-context.ts';
import type { TrainPorts } from '../ports.ts';

type Detections = NonNullable<EvaluateOutput['detection']>;

/**
 * What two detectors said of one test set: the change in mAP over resampled images, and, for the rules that look at
 * classes, what became of every object. GATE_TEST_SET (failed) where the sets are not the same.
 */
export async function pairedDetections(
  ports: Pick<TrainPorts, 'files'>,
  challenger: Detections,
  champion: Detections,
  { betterThanChampion }: Pick<GateConfig, 'betterThanChampion'>,
): Promise<SameTestSet> {
  if (challenger.groundTruth.sha256 !== champion.groundTruth.sha256) {
    const expected = 'one test set for both';
    throw failedError('GATE_TEST_SET', 'gate', 'other objects', expected, 'run again: evaluations are made anew');
  }
  const [ours, theirs] = [await setOf(ports, challenger), await setOf(ports, champion)];
  const { confidence } = betterThanChampion ?? { confidence: 0.96 };
  const bootstrap = { ...bootstrapOf(ours), level: 2 * confidence - 1 };
  const { AP, AP50 } = precisionDifference(theirs, ours, bootstrap);
  const [our, their] = [operatingPoint(ours), operatingPoint(theirs)];
  return {
    answers: { classes: ours.categories.length, labels: our.labels, challenger: our.given, champion: their.given },
    paths: [],
    maps: { images: ours.images, mAP: AP, mAP50: AP50 },
  };
}

async function setOf(
  { files }: Pick<TrainPorts, 'files'>,
  { detections, groundTruth }: Detections,
): Promise<DetectionSet> {
  const { signal } = currentActivity();
  const read = async (blob: typeof detections): Promise<unknown> =>
    JSON.parse(await readFile(await files.fetch(blob, signal), 'utf8'));
  const truth = CocoGroundTruth.parse(await read(groundTruth));
  const results = CocoResults.parse(await read(detections));
  return unwrap(cocoSet(truth, results, { groundTruth: groundTruth.key, detections: detections.key })).set;
}
