import type { DetectionSet } from './boxes.ts';
import { evaluateCoco } from './coco.ts';
import type { CocoFigures } from './coco.ts';
import { breakDownErrors } from './error-breakdown.ts';
import type { ErrorBreakdown } from './error-breakdown.ts';
import { bootstrapDefaults } from './interval.ts';
import type { BootstrapOptions } from './interval.ts';
import { evaluateVoc } from './voc.ts';

export interface ClassDetectionReport {
  readonly label: string;
  readonly objects: number;
  readonly detections: number;
  readonly AP: number;
  readonly AP50: number;
  readonly AP75: number;
  readonly AR100: number;
  readonly voc07: number;
  readonly voc10: number;
  readonly precisionAt50: readonly number[];
}

/** All figures of a set of detections. Absent ones are −1, as in pycocotools. */
export interface DetectionReport {
  readonly images: number;
  readonly objects: number;
  readonly detections: number;
  readonly coco: CocoFigures;
  readonly voc07: number;
  readonly voc10: number;
  readonly perClass: readonly ClassDetectionReport[];
  readonly errors: ErrorBreakdown;
}

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
    precisionAt50: coco.perClass[category]?.precisionAt50 ?? [],
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

/** Passes over a detection, of all resamples together: a few seconds. */
const BOOTSTRAP_PASSES = 3e6;

/** Fewer resamples of a large set, whose interval is narrow anyway. */
export function bootstrapOf({ detections }: Pick<DetectionSet, 'detections'>): BootstrapOptions {
  const resamples = Math.round(BOOTSTRAP_PASSES / Math.max(1, detections.length));
  return { ...bootstrapDefaults, resamples: Math.min(bootstrapDefaults.resamples, Math.max(60, resamples)) };
}
