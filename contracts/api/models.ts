import { z } from 'zod';
import { ExportCheck, ExportFormat, ExportPrecision } from '../export.ts';
import { LedgerEntry, ModelVersion } from '../registry.ts';
import { Moment } from './common.ts';
import { Headline } from './evaluation.ts';

export const ModelRow = z.object({
  name: z.string(),
  aliases: z.record(z.string(), z.int()),
  versions: z.int(),
  newest: z.object({ version: z.int(), createdAt: Moment, accuracy: z.number().nullable() }).nullable(),
});
export type ModelRow = z.infer<typeof ModelRow>;

/** GET /api/models */
export const Models = z.object({ models: z.array(ModelRow) });
export type Models = z.infer<typeof Models>;

export const ModelVersionView = z.object({
  version: z.int(),
  createdAt: Moment,
  runId: z.string(),
  aliases: z.array(z.string()),
  headline: Headline,
  model: ModelVersion.shape.model,
  lineage: ModelVersion.shape.lineage,
  weightsSha256: z.string(),
  weightsBytes: z.int(),
});
export type ModelVersionView = z.infer<typeof ModelVersionView>;

/** GET /api/models/:name: versions and ledger the newest first. */
export const Model = z.object({
  name: z.string(),
  aliases: z.record(z.string(), z.int()),
  versions: z.array(ModelVersionView),
  ledger: z.array(LedgerEntry.omit({ kind: true })),
  /** What is wrong between ledger and aliases; empty where nothing is. */
  problems: z.array(z.object({ code: z.string(), where: z.string(), seen: z.string() })),
});
export type Model = z.infer<typeof Model>;

/** GET /api/models/:name/versions/:version/exports: the last of each format and precision, by these. */
export const ModelExports = z.object({
  exports: z.array(
    z.object({
      format: ExportFormat,
      precision: ExportPrecision,
      createdAt: Moment,
      /** Of its files together. */
      sizeBytes: z.int(),
      /** Largest difference from the model's of a probability, or of a detector's score or edge, on `images` pictures. */
      maxDifference: z.number(),
      images: z.int(),
      /** Shares of labelled test pictures that are right; null where no labels were known. */
      accuracy: ExportCheck.shape.accuracy,
      /** The same of a detector's objects: COCO's AP at IoU .5. */
      mAP50: ExportCheck.shape.accuracy,
      /** The archive at …/exports/<file>, with its size; null where it was not kept. */
      download: z.object({ file: z.string(), sizeBytes: z.int() }).nullable(),
    }),
  ),
});
export type ModelExports = z.infer<typeof ModelExports>;

/** GET /api/models/:name/diff */
export const ModelDiffQuery = z.object({
  from: z.coerce.number().int().positive(),
  to: z.coerce.number().int().positive(),
});
export type ModelDiffQuery = z.infer<typeof ModelDiffQuery>;
export const ModelDiff = z.object({
  from: z.int(),
  to: z.int(),
  metrics: z.array(z.object({ name: z.string(), from: z.number(), to: z.number() })),
  perClass: z.array(z.object({ label: z.string(), from: z.number().nullable(), to: z.number().nullable() })),
  /** What is not the same of the models, their data and settings. */
  settings: z.array(z.object({ key: z.string(), from: z.string(), to: z.string() })),
});
export type ModelDiff = z.infer<typeof ModelDiff>;

const move = {
  alias: z.string().max(63).default('champion'),
  reason: z.string().min(1).max(1000),
  /** Where the person saw the alias stand: 409 ALIAS_MOVED where it has moved since. */
  expected: z.int().positive().nullable(),
};

/** POST /api/models/:name/promote */
export const PromoteBody = z.strictObject({ version: z.int().positive(), ...move });
export type PromoteBody = z.infer<typeof PromoteBody>;
/** POST /api/models/:name/rollback: to the version before, or to `version`. */
export const RollbackBody = z.strictObject({ version: z.int().positive().nullable().default(null), ...move });
export type RollbackBody = z.infer<typeof RollbackBody>;

/** The answer of both. */
export const Moved = z.object({ from: z.int().nullable(), to: z.int(), moved: z.boolean(), check: z.string() });
export type Moved = z.infer<typeof Moved>;

/** POST /api/predict: the body is a picture, its type image/… or application/octet-stream. */
export const PredictQuery = z.object({
  model: z.string().max(200).describe('NAME, NAME@3 or NAME@alias.'),
  top: z.coerce.number().int().min(1).max(1000).default(5),
});
export type PredictQuery = z.infer<typeof PredictQuery>;
export const Prediction = z.object({
  model: z.string(),
  version: z.int(),
  predictions: z.array(
    z.object({
      label: z.string(),
      score: z.number(),
      box: z.object({ xMin: z.number(), yMin: z.number(), xMax: z.number(), yMax: z.number() }).optional(),
    }),
  ),
});
export type Prediction = z.infer<typeof Prediction>;
