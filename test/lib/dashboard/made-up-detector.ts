import type { Curves, DetectionEvaluation, Slices } from '../../../contracts/web.ts';
import { hash } from './made-up.ts';

/** A detector's evaluation as the dashboard's server tells of it; all made up. */

const labels = ['disc', 'square', 'triangle', 'cross'];
const figures = (at: number) => ({ AP: 0.61 - at / 20, AP50: 0.87 - at / 12, AP75: 0.68 - at / 15 });
const mAPs = (at: number) => ({ AP: 0.61 - at / 20, AP50: 0.87 - at / 12 });
const none = { AP: -1, AP50: -1 };
const perKind = (values: readonly number[]) => ({
  ...{ classification: values[0] ?? 0, localization: values[1] ?? 0, both: values[2] ?? 0 },
  ...{ duplicate: values[3] ?? 0, background: values[4] ?? 0, missed: values[5] ?? 0 },
});
const coco = {
  ...{ AP: 0.583, AP50: 0.831, AP75: 0.642, APsmall: -1, APmedium: 0.512, APlarge: 0.671 },
  ...{ AR1: 0.41, AR10: 0.66, AR100: 0.672, ARsmall: -1, ARmedium: 0.59, ARlarge: 0.74 },
};

export const detectorEvaluation: DetectionEvaluation = {
  ...{ task: 'detection', classes: labels, images: 240, objects: 702, detections: 2_816, coco },
  ...{ voc07: 0.822, voc10: 0.836, scoreThreshold: 0.5 },
  intervals: { AP: { value: 0.583, low: 0.561, high: 0.604 }, AP50: { value: 0.831, low: 0.808, high: 0.853 } },
  perClass: labels.map((label, index) => ({
    ...{ index, label, objects: 190 - index * 10, detections: 720 - index * 9, ...figures(index), AR100: 0.7 },
    champion: { AP: 0.55 - index / 20, AP50: 0.82 - index / 12 },
  })),
  errors: {
    AP: 0.831,
    counts: perKind([11, 42, 5, 9, 31, 58]),
    gains: perKind([0.012, 0.044, 0.003, 0.006, 0.021, 0.061]),
    ...{ falsePositives: 0.071, falseNegatives: 0.082 },
  },
  confusion: labels.flatMap((_, t): [number, number, number][] => [
    [t, t, 150 - t * 9],
    [t, (t + 1) % 4, 3 + t],
    [t, 4, 12 + t * 3],
    [4, t, 6 + t],
  ]),
  worst: Array.from({ length: 8 }, (_, n) => ({
    ...{ path: `images/${String(n).padStart(5, '0')}.jpg`, sha256: hash(n + 40), width: 200, height: 150 },
    boxes: [
      { judgement: 'missed', label: 'cross', score: null, box: [112, 38, 60, 74] },
      { judgement: 'wrong', label: 'square', score: 0.83 - n / 30, box: [20 + n * 3, 30, 66, 60] },
      { judgement: 'right', label: 'disc', score: 0.97, box: [74, 84, 52, 52] },
    ],
  })),
  findings: [{ level: 'warning', code: 'BOXES_SMALL', message: '12 % of the boxes are smaller than any anchor' }],
  champion: { version: 2, coco: { ...coco, AP: 0.551, AP50: 0.803, AP75: 0.61 } },
};

const bend = (power: number): [number, number][] =>
  Array.from({ length: 101 }, (_, i) => [i / 100, 1 - (i / 100) ** power]);
export const detectorCurves: Curves = {
  ...{ label: null, positives: 702, precisionRecall: { points: bend(6), area: 0.831 }, roc: null },
  champion: { precisionRecall: { points: bend(5), area: 0.803 }, roc: null },
};

export const detectorSlices: Slices = {
  kind: 'attributes',
  slices: [
    ['timeofday', 'daytime'],
    ['timeofday', 'night'],
    ['weather', 'clear'],
    ['weather', 'rainy'],
    ['weather', 'snowy'],
  ].map(([attribute = '', value = ''], i) => ({
    ...{ attribute, value, images: 140 - i * 30, objects: 410 - i * 90, ...(i === 4 ? none : mAPs(i)) },
    champion: i === 3 ? null : { AP: 0.55 - i / 20, AP50: 0.82 - i / 12 },
  })),
  championVersion: 2,
};
