import { z } from 'zod';

/** Figures of a detector on one side: what an evaluation, a registered version and `graft eval --json` say. */
export const Interval = z.object({ value: z.number(), low: z.number(), high: z.number() });

/** As pycocotools gives them; −1 where nothing contributes. */
export const CocoFigures = z.object({
  AP: z.number(),
  AP50: z.number(),
  AP75: z.number(),
  APsmall: z.number(),
  APmedium: z.number(),
  APlarge: z.number(),
  AR1: z.number(),
  AR10: z.number(),
  AR100: z.number(),
  ARsmall: z.number(),
  ARmedium: z.number(),
  ARlarge: z.number(),
});
export type CocoFigures = z.infer<typeof CocoFigures>;

export const ClassDetectionFigures = z.object({
  label: z.string(),
  objects: z.int(),
  detections: z.int(),
  AP: z.number(),
  AP50: z.number(),
  AP75: z.number(),
  AR100: z.number(),
  voc07: z.number(),
  voc10: z.number(),
  /** Precision at IoU .5 for recall 0, .01 … 1; empty where the class has no object. */
  precisionAt50: z.array(z.number()).readonly(),
});
export type ClassDetectionFigures = z.infer<typeof ClassDetectionFigures>;

const perErrorKind = <T extends z.ZodType>(value: T) =>
  z.object({
    classification: value,
    localization: value,
    both: value,
    duplicate: value,
    background: value,
    missed: value,
  });

/** TIDE's: why precision at IoU .5 is lost, and what it would gain if errors of one kind were mended. */
export const DetectionErrors = z.object({
  AP: z.number(),
  counts: perErrorKind(z.int()),
  gains: perErrorKind(z.number()),
  falsePositives: z.number(),
  falseNegatives: z.number(),
});
export type DetectionErrors = z.infer<typeof DetectionErrors>;

/** A picture in which much is wrong: what people should look at first. */
export const WorstPicture = z.object({
  path: z.string(),
  missed: z.int(),
  wrong: z.int(),
});
export type WorstPicture = z.infer<typeof WorstPicture>;

/** Figures on the pictures of which one thing holds (BDD100K: weather, scene, time of day). */
export const AttributeFigures = z.object({
  attribute: z.string(),
  value: z.string(),
  images: z.int(),
  objects: z.int(),
  AP: z.number(),
  AP50: z.number(),
});
export type AttributeFigures = z.infer<typeof AttributeFigures>;

export const DetectionMetrics = z.object({
  images: z.int(),
  objects: z.int(),
  detections: z.int(),
  coco: CocoFigures,
  voc07: z.number(),
  voc10: z.number(),
  perClass: z.array(ClassDetectionFigures),
  errors: DetectionErrors,
  intervals: z.object({ AP: Interval, AP50: Interval }),
  /** Detections that are surer than this are the ones that `confusion` and the shares of right answers count. */
  scoreThreshold: z.number(),
  /** Row: the true class; column: the found one; the last of both is the background. */
  confusion: z.array(z.array(z.int())),
  worst: z.array(WorstPicture),
  /** Absent where no picture has attributes. */
  perAttribute: z.array(AttributeFigures).optional(),
});
export type DetectionMetrics = z.infer<typeof DetectionMetrics>;

/** mAP on the validation side while it trains, in pixels of the input. */
export const EpochDetection = z.object({
  /** Means over the images of each loss, by its name, with the weights as they are used. */
  losses: z.record(z.string(), z.number()),
  /** Whether mAP was computed after this epoch; else the figures are the last ones. */
  evaluated: z.boolean(),
  mAP: z.number(),
  mAP50: z.number(),
  /** Of the last few mAP50. */
  median50: z.number(),
  /** Bootstrap interval of mAP50; null where none was drawn. */
  low50: z.number().nullable(),
  high50: z.number().nullable(),
});
export type EpochDetection = z.infer<typeof EpochDetection>;
