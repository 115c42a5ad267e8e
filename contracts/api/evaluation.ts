import { z } from 'zod';
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

/** GET /api/runs/:id/evaluation; 404 RUN_NOT_EVALUATED until there is one. */
export const Evaluation = z.object({
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
  /** [false positive rate, true positive rate], and the area under it. */
  roc: Curve,
  champion: z.object({ precisionRecall: Curve, roc: Curve }).nullable(),
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
