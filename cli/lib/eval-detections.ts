import { CocoGroundTruth, CocoResults } from '../../contracts/coco-files.ts';
import { figuresByAttribute } from '../../core/metrics/detection/by-attribute.ts';
import { cocoSet } from '../../core/metrics/detection/coco-set.ts';
import type { CocoSet } from '../../core/metrics/detection/coco-set.ts';
import { bootstrapDefaults, precisionDifference, precisionIntervals } from '../../core/metrics/detection/interval.ts';
import type { Interval, PrecisionDifference, PrecisionIntervals } from '../../core/metrics/detection/interval.ts';
import { bootstrapOf, detectionReport } from '../../core/metrics/detection/report.ts';
import { unwrap } from '../../core/result.ts';
import { readJsonFile } from '../../infra/json-file.ts';
import type { Output } from '../output.ts';
import { showAttributes, showDetectionReport } from './detection-view.ts';
import { openImagesFigures, showOpenImages } from './open-images-view.ts';
import { figure, plural } from './units.ts';

export interface DetectionFiles {
  readonly detections: string;
  readonly groundTruth: string;
  /** Another detector’s words on the same images. */
  readonly against?: string | undefined;
  /** Open Images’ figures too, of classes in the tree of `hierarchy` where it is named. */
  readonly openImages?: { readonly hierarchy: string | null } | undefined;
}

const RESULTS = 'COCO results: a list of {image_id, category_id, bbox, score}';

/** `graft eval --detections D.json --ground-truth G.json`: files of any tool, in COCO’s form. */
export async function evalDetections(files: DetectionFiles, output: Output): Promise<void> {
  const { detections, groundTruth, against, openImages } = files;
  const form = 'COCO annotations: images, categories, annotations';
  const truth = unwrap(await readJsonFile(groundTruth, CocoGroundTruth, form));
  const setOf = async (path: string): Promise<CocoSet> => {
    const results = unwrap(await readJsonFile(path, CocoResults, RESULTS));
    const read = unwrap(cocoSet(truth, results, { groundTruth, detections: path }));
    if (read.foreign > 0) {
      output.warn(
        `${plural(read.foreign, 'detection')} of categories that the ground truth does not have: not counted (${path})`,
      );
    }
    return read;
  };
  const read = await setOf(detections);
  const { set, foreign } = read;
  const other = against === undefined ? null : (await setOf(against)).set;
  const report = detectionReport(set);
  output.say(
    `${plural(report.detections, 'detection')} of ${plural(report.objects, 'object')} on ${plural(report.images, 'image')}`,
  );
  showDetectionReport(report, output);
  const intervals = precisionIntervals(set, bootstrapOf(set));
  showIntervals(intervals, report.images, output);
  const difference = other && precisionDifference(set, other, bootstrapOf(set));
  if (difference) showDifference(difference, report.images, output);
  const perAttribute = attributeFigures(read, truth);
  showAttributes(perAttribute, output);
  const open = openImages && (await openImagesFigures(read, truth, openImages.hierarchy));
  if (open) showOpenImages(open, output);
  const { coco, perClass, errors } = report;
  output.result({
    ...report,
    coco: { ...coco },
    perClass: perClass.map(({ precisionAt50: _, ...figures }) => figures),
    errors: { ...errors, counts: { ...errors.counts }, gains: { ...errors.gains } },
    foreign,
    intervals: plain(intervals),
    ...(perAttribute.length === 0 ? {} : { perAttribute }),
    ...(open ? { openImages: open } : {}),
    ...(difference ? { against: { ...plain(difference), betterAP50: difference.betterAP50 } } : {}),
  });
}

function attributeFigures({ set, imageIds }: CocoSet, { images }: CocoGroundTruth) {
  const attributesOf = new Map(images.map(({ id, attributes }) => [id, attributes]));
  const own = imageIds.map((id) => attributesOf.get(id));
  return figuresByAttribute(set, own).map((each) => ({ ...each }));
}

const plain = ({ AP, AP50 }: PrecisionIntervals) => ({ AP: { ...AP }, AP50: { ...AP50 } });

const LEVEL = `${bootstrapDefaults.level * 100} %`;

function showIntervals({ AP, AP50 }: PrecisionIntervals, images: number, output: Output): void {
  const range = ({ low, high }: Interval): string => `${figure(Math.max(0, low))} to ${figure(Math.min(1, high))}`;
  output.say(
    `on other images like these (${LEVEL}): AP50 ${range(AP50)}, AP ${range(AP)}. A change within this range may be chance: more than ${plural(images, 'image')} would tell`,
  );
}

function showDifference({ AP, AP50, betterAP50 }: PrecisionDifference, images: number, output: Output): void {
  const signed = (value: number): string => `${value < 0 ? '−' : '+'}${figure(Math.abs(value))}`;
  const range = ({ value, low, high }: Interval): string =>
    `${signed(value)} (${LEVEL}: ${signed(low)} to ${signed(high)})`;
  const verdict =
    AP50.low > 0
      ? 'the other one is better'
      : AP50.high < 0
        ? 'the other one is worse'
        : `${plural(images, 'image')} do not tell them apart`;
  output.say(`the other detector: AP50 ${range(AP50)}, AP ${range(AP)}`);
  output.say(`better in AP50 in ${Math.round(betterAP50 * 100)} % of the resamples: ${verdict}`);
}
