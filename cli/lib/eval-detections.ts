import { CocoGroundTruth, CocoResults } from '../../contracts/coco-files.ts';
import { cocoSet } from '../../core/metrics/detection/coco-set.ts';
import { unwrap } from '../../core/result.ts';
import { readJsonFile } from '../../infra/json-file.ts';
import type { Output } from '../output.ts';
import { detectionReport, showDetectionReport } from './detection-view.ts';
import { plural } from './units.ts';

/** `graft eval --detections D.json --ground-truth G.json`: files of any tool, in COCO’s form. */
export async function evalDetections(detections: string, groundTruth: string, output: Output): Promise<void> {
  const truth = unwrap(
    await readJsonFile(groundTruth, CocoGroundTruth, 'COCO annotations: images, categories, annotations'),
  );
  const form = 'COCO results: a list of {image_id, category_id, bbox, score}';
  const results = unwrap(await readJsonFile(detections, CocoResults, form));
  const { set, foreign } = unwrap(cocoSet(truth, results, { groundTruth, detections }));
  if (foreign > 0) {
    output.warn(`${plural(foreign, 'detection')} of categories that the ground truth does not have: not counted`);
  }
  const report = detectionReport(set);
  output.say(
    `${plural(report.detections, 'detection')} of ${plural(report.objects, 'object')} on ${plural(report.images, 'image')}`,
  );
  showDetectionReport(report, output);
  const { coco, perClass, errors } = report;
  output.result({
    ...report,
    coco: { ...coco },
    perClass: perClass.map((figures) => ({ ...figures })),
    errors: { ...errors, counts: { ...errors.counts }, gains: { ...errors.gains } },
    foreign,
  });
}
