import type { DetectionSet } from '../../core/metrics/detection/boxes.ts';
import { evaluateCoco } from '../../core/metrics/detection/coco.ts';
import type { CocoFigures } from '../../core/metrics/detection/coco.ts';
import { breakDownErrors, errorKinds } from '../../core/metrics/detection/error-breakdown.ts';
import type { ErrorBreakdown } from '../../core/metrics/detection/error-breakdown.ts';
import { evaluateVoc } from '../../core/metrics/detection/voc.ts';
import type { Output } from '../output.ts';
import { count, figure } from './units.ts';

export interface ClassDetectionFigures {
  readonly label: string;
  readonly objects: number;
  readonly detections: number;
  readonly AP: number;
  readonly AP50: number;
  readonly AP75: number;
  readonly AR100: number;
  readonly voc07: number;
  readonly voc10: number;
}

/** What `graft eval --detections` prints with --json. Absent figures are −1, as in pycocotools. */
export interface DetectionReport {
  readonly images: number;
  readonly objects: number;
  readonly detections: number;
  readonly coco: CocoFigures;
  readonly voc07: number;
  readonly voc10: number;
  readonly perClass: readonly ClassDetectionFigures[];
  readonly errors: ErrorBreakdown;
}

/** All figures of a set of detections. */
export function detectionReport(set: DetectionSet): DetectionReport {
  const coco = evaluateCoco(set);
  const voc = evaluateVoc(set);
  const counted = (list: readonly { readonly category: number }[], category: number): number =>
    list.filter((item) => item.category === category).length;
  const perClass = set.categories.map((label, category) => ({
    label,
    objects: counted(set.truths, category),
    detections: counted(set.detections, category),
    AP: coco.perClass[category]?.AP ?? -1,
    AP50: coco.perClass[category]?.AP50 ?? -1,
    AP75: coco.perClass[category]?.AP75 ?? -1,
    AR100: coco.perClass[category]?.AR100 ?? -1,
    voc07: voc.perClass[category]?.voc07 ?? -1,
    voc10: voc.perClass[category]?.voc10 ?? -1,
  }));
  return {
    images: set.images,
    objects: set.truths.length,
    detections: set.detections.length,
    coco: coco.figures,
    voc07: voc.voc07,
    voc10: voc.voc10,
    perClass,
    errors: breakDownErrors(set),
  };
}

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
