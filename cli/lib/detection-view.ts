import type { AttributeFigures, DetectionMetrics } from '../../contracts/detection-metrics.ts';
import { errorKinds } from '../../core/metrics/detection/error-breakdown.ts';
import type { ErrorBreakdown } from '../../core/metrics/detection/error-breakdown.ts';
import type { DetectionReport } from '../../core/metrics/detection/report.ts';
import type { Output } from '../output.ts';
import { count, figure } from './units.ts';

/** A figure that nothing contributes to is a dash. */
const shown = (value: number): string => (value < 0 ? '–' : figure(value));

export function showDetectionReport(report: DetectionReport, output: Output): void {
  const { coco } = report;
  output.table(
    ['COCO', 'all', 'IoU .5', 'IoU .75', 'small', 'medium', 'large'],
    [
      ['precision', coco.AP, coco.AP50, coco.AP75, coco.APsmall, coco.APmedium, coco.APlarge].map(cell),
      ['recall', coco.AR100, '', '', coco.ARsmall, coco.ARmedium, coco.ARlarge].map(cell),
    ],
  );
  output.say(`recall with at most 1 detection ${shown(coco.AR1)}, with 10 ${shown(coco.AR10)}`);
  output.say(`Pascal VOC at IoU .5: 2007 ${shown(report.voc07)}, 2010 and later ${shown(report.voc10)}`);
  output.table(
    ['class', 'objects', 'detections', 'AP', 'AP50', 'AP75', 'recall'],
    report.perClass.map(({ label, objects, detections, AP, AP50, AP75, AR100 }) => [
      label,
      count(objects),
      count(detections),
      ...[AP, AP50, AP75, AR100].map(shown),
    ]),
  );
  showErrors(report.errors, output);
}

/** Of a detector that graft has trained: all of the report, and what would be shown to people. */
export function showDetectionMetrics(metrics: DetectionMetrics, output: Output): void {
  showDetectionReport(metrics, output);
  const { AP50 } = metrics.intervals;
  const range = `${figure(Math.max(0, AP50.low))} to ${figure(Math.min(1, AP50.high))}`;
  output.say(`on other images like these mAP@.5 lies between ${range} (95 %)`);
  const names = [...metrics.perClass.map(({ label }) => label), 'background'];
  output.say(`what is what, of detections from score ${metrics.scoreThreshold} on (row: true, column: found):`);
  output.table(
    ['', ...names],
    metrics.confusion.map((row, index) => [
      names[index] ?? '',
      ...row.map((value) => (value === 0 ? '·' : count(value))),
    ]),
  );
  showAttributes(metrics.perAttribute ?? [], output);
  const [first] = metrics.worst;
  if (!first) return;
  output.say('most is wrong in:');
  output.table(
    ['picture', 'missed', 'wrong'],
    metrics.worst.slice(0, 5).map(({ path, missed, wrong }) => [path, count(missed), count(wrong)]),
  );
}

/** Where the pictures are said to differ: by weather, time of day … */
export function showAttributes(figures: readonly AttributeFigures[], output: Output): void {
  if (figures.length === 0) return;
  output.table(
    ['pictures with', '', 'images', 'objects', 'AP', 'AP50'],
    figures.map(({ attribute, value, images, objects, AP, AP50 }) => [
      ...[attribute, value, count(images), count(objects)],
      ...[AP, AP50].map(shown),
    ]),
  );
}

const cell = (value: number | string): string => (typeof value === 'number' ? shown(value) : value);

const MEANINGS: Readonly<Record<(typeof errorKinds)[number], string>> = {
  classification: 'the right place, the wrong class',
  localization: 'the right class, a poor box (IoU .1 to .5)',
  both: 'the wrong class and a poor box',
  duplicate: 'an object found twice',
  background: 'nothing is there',
  missed: 'an object that nothing comes near',
};

function showErrors({ counts, gains }: ErrorBreakdown, output: Output): void {
  output.say('what AP50 would gain if errors of one kind were mended:');
  output.table(
    ['error', 'how many', 'AP50 gains', 'that is'],
    errorKinds.map((kind) => [kind, count(counts[kind]), `+${figure(gains[kind])}`, MEANINGS[kind]]),
  );
}
