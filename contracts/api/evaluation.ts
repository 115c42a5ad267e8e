import { z } from 'zod';
import {
  AttributeFigures,
  ClassDetectionFigures,
  CocoFigures,
  DetectionErrors,
  Interval,
} from '../detection-metrics.ts';
import { Finding } from '../manifests.ts';
import { pageAnswer, pageQuery, Point } from './common.ts';

export const ClassRow = z.object({
  index: z.int(),
  label: z.string(),
  support: z.int(),
  precision: z.number(),
  recall: z.number(),
  f1: z.number(),
  /** The same of the champion on the same pictures. */
  champion: z.object({ precision: z.number(), recall: z.number(), f1: z.number() }).nullable(),
});
export type ClassRow = z.infer<typeof ClassRow>;

export const Headline = z.object({
  images: z.int(),
  loss: z.number(),
  accuracy: z.number(),
  top5: z.number(),
  macroPrecision: z.number(),
  macroRecall: z.number(),
  macroF1: z.number(),
});
export type Headline = z.infer<typeof Headline>;

export const Calibration = z.object({
  /** Expected calibration error over the bins. */
  error: z.number(),
  bins: z.array(
    z.object({ from: z.number(), to: z.number(), count: z.int(), confidence: z.number(), accuracy: z.number() }),
  ),
});
export type Calibration = z.infer<typeof Calibration>;

/** A test picture and what the model said of it. */
export const ScoredItem = z.object({
  path: z.string(),
  /** The picture is /api/images/<sha256>; null where the item can't be told. */
  sha256: z.string().nullable(),
  truth: z.string(),
  predicted: z.string(),
  /** The probability given to what was predicted, and to the truth. */
  score: z.number(),
  truthScore: z.number(),
  loss: z.number(),
});
export type ScoredItem = z.infer<typeof ScoredItem>;

/** How good a classifier is on its test pictures. */
export const ClassEvaluation = z.object({
  task: z.literal('classification'),
  classes: z.array(z.string()),
  headline: Headline,
  perClass: z.array(ClassRow),
  /** Cells that are not 0, as [true class, predicted class, count]. */
  confusion: z.array(z.tuple([z.int(), z.int(), z.int()])),
  calibration: Calibration.nullable(),
  /** The surest mistakes. */
  worst: z.array(ScoredItem),
  findings: z.array(Finding),
  /** Who held the alias when the gate decided, scored on the same pictures where that could be done. */
  champion: z
    .object({
      version: z.int(),
      headline: Headline.nullable(),
      confusion: z.array(z.tuple([z.int(), z.int(), z.int()])),
      calibration: Calibration.nullable(),
    })
    .nullable(),
});
export type ClassEvaluation = z.infer<typeof ClassEvaluation>;

export const DetectedClassRow = ClassDetectionFigures.omit({ voc07: true, voc10: true, precisionAt50: true }).extend({
  index: z.int(),
  champion: ClassDetectionFigures.pick({ AP: true, AP50: true }).nullable(),
});
export type DetectedClassRow = z.infer<typeof DetectedClassRow>;

/** A test picture with what would be shown in it, and what should have been. */
export const JudgedPicture = z.object({
  path: z.string(),
  /** The picture is /api/images/<sha256>; null where the item can't be told. */
  sha256: z.string().nullable(),
  width: z.number(),
  height: z.number(),
  boxes: z.array(
    z.object({
      judgement: z.enum(['right', 'wrong', 'missed']),
      label: z.string(),
      /** Null for an object that was missed. */
      score: z.number().nullable(),
      /** Left, top, width and height in pixels of the picture. */
      box: z.tuple([z.number(), z.number(), z.number(), z.number()]),
    }),
  ),
});
export type JudgedPicture = z.infer<typeof JudgedPicture>;

/** How good a detector is on its test pictures. Absent figures are −1, as in pycocotools. */
export const DetectionEvaluation = z.object({
  task: z.literal('detection'),
  classes: z.array(z.string()),
  images: z.int(),
  objects: z.int(),
  detections: z.int(),
  coco: CocoFigures,
  voc07: z.number(),
  voc10: z.number(),
  intervals: z.object({ AP: Interval, AP50: Interval }),
  perClass: z.array(DetectedClassRow),
  /** TIDE's: why precision is lost. */
  errors: DetectionErrors,
  scoreThreshold: z.number(),
  /** As of a classifier; the class after the last is the background. */
  confusion: z.array(z.tuple([z.int(), z.int(), z.int()])),
  /** The pictures in which most is wrong. */
  worst: z.array(JudgedPicture),
  findings: z.array(Finding),
  champion: z.object({ version: z.int(), coco: CocoFigures.nullable() }).nullable(),
});
export type DetectionEvaluation = z.infer<typeof DetectionEvaluation>;

/** GET /api/runs/:id/evaluation; 404 RUN_NOT_EVALUATED until there is one. */
export const Evaluation = z.discriminatedUnion('task', [ClassEvaluation, DetectionEvaluation]);
export type Evaluation = z.infer<typeof Evaluation>;

/** GET /api/runs/:id/evaluation/curves: of one class against the rest; of all classes at once where none is named. */
export const CurvesQuery = z.object({ class: z.coerce.number().int().min(0).optional() });
export type CurvesQuery = z.infer<typeof CurvesQuery>;
const Curve = z.object({ points: z.array(Point), area: z.number() });
export const Curves = z.object({
  /** Null for the mean over all decisions (micro). */
  label: z.string().nullable(),
  positives: z.int(),
  /** [recall, precision], and the average precision. */
  precisionRecall: Curve,
  /** [false positive rate, true positive rate], and the area under it; null of a detector, which has no true negatives. */
  roc: Curve.nullable(),
  champion: z.object({ precisionRecall: Curve, roc: Curve.nullable() }).nullable(),
});
export type Curves = z.infer<typeof Curves>;

/** GET /api/runs/:id/evaluation/items: the pictures behind a cell (class numbers), the worst first. */
export const ItemsQuery = z.object({
  truth: z.coerce.number().int().min(0).optional(),
  predicted: z.coerce.number().int().min(0).optional(),
  ...pageQuery,
});
export type ItemsQuery = z.infer<typeof ItemsQuery>;
export const ScoredItems = z.object({ items: z.array(ScoredItem), ...pageAnswer });
export type ScoredItems = z.infer<typeof ScoredItems>;

/** GET /api/runs/:id/evaluation/slices: parts of the test set, by the paths of its pictures or by what is known of them. */
export const SlicesQuery = z.object({
  by: z
    .string()
    .min(1)
    .max(200)
    .optional()
    .describe('Regular expression over the paths whose first group names the slice; the gate’s own where absent.'),
});
export type SlicesQuery = z.infer<typeof SlicesQuery>;

/** Of a classifier: shares of right answers from 0 to 1, with the interval at 95 % (Wilson). */
export const PathSlice = z.object({
  slice: z.string(),
  images: z.int(),
  accuracy: z.number(),
  low: z.number(),
  high: z.number(),
  /** The champion's share on the same pictures; null where it was not scored on them. */
  champion: z.number().nullable(),
});
export type PathSlice = z.infer<typeof PathSlice>;

/** Of a detector: mAP on the pictures of which one thing holds, from 0 to 1; −1 where nothing contributes. */
export const AttributeSlice = AttributeFigures.extend({
  champion: AttributeFigures.pick({ AP: true, AP50: true }).nullable(),
});
export type AttributeSlice = z.infer<typeof AttributeSlice>;

export const Slices = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('paths'),
    /** Null where nobody has named an expression; there are no slices then. */
    by: z.string().nullable(),
    /** By name, at most 200 of `total`. */
    slices: z.array(PathSlice),
    total: z.int(),
    /** Pictures that are in none. */
    unmatched: z.int(),
    /** Of the champion beside it; null where there is none. */
    championVersion: z.int().nullable(),
  }),
  z.object({
    kind: z.literal('attributes'),
    slices: z.array(AttributeSlice),
    championVersion: z.int().nullable(),
  }),
]);
export type Slices = z.infer<typeof Slices>;
