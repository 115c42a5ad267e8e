import { z } from 'zod';
import { BlobRef, ModelDescription, Sha256Field } from './manifests.ts';

export const ExportFormat = z.enum(['saved-model', 'tfjs', 'onnx', 'safetensors']);
export type ExportFormat = z.infer<typeof ExportFormat>;

export const ExportPrecision = z.enum(['float32', 'float16', 'int8']);
export type ExportPrecision = z.infer<typeof ExportPrecision>;

const Difference = z.object({
  images: z.int().min(0),
  /** Of a probability; of a detector's score, or of a box's edge as a share of the side. */
  maxDifference: z.number(),
  /**
   * Of a detector: how many objects the export gave, and how many of them break the rules of suppression or are missing by
   * them; where it was fed files, how many the model found and how many of them are others.
   */
  objects: z.object({ found: z.int().min(0), wrong: z.int().min(0) }).optional(),
  /** Of a Faster R-CNN: how many the model has, and for how many of them the export has another. */
  proposals: z.object({ found: z.int().min(0), others: z.int().min(0) }).optional(),
});

/** How far an export is from the model that it was made of, measured on real pictures when it was made. */
export const ExportCheck = z.object({
  /** Over rendered pixels that both were fed. */
  pixels: Difference,
  /** The same where the export decodes and resizes the files itself; null where it takes pixels alone. */
  files: Difference.nullable(),
  /** Share of labelled pictures that are right; null where no labels are known. */
  accuracy: z.object({ images: z.int().min(0), original: z.number(), exported: z.number() }).nullable(),
  /** mAP at IoU .5 of a detector; absent of a classifier and where no objects are known. */
  mAP50: z.object({ images: z.int().min(0), original: z.number(), exported: z.number() }).optional(),
});
export type ExportCheck = z.infer<typeof ExportCheck>;

/** y = x · scale + shift for x in 0–255 of each of R, G, B, then the channels in `channelOrder`. */
export const ExportNormalization = z.object({
  id: z.string(),
  scale: z.array(z.number()).length(3),
  shift: z.array(z.number()).length(3),
  channelOrder: z.enum(['rgb', 'bgr']),
});
export type ExportNormalization = z.infer<typeof ExportNormalization>;

/** What the ML process found out while it wrote an export. */
export const ExportReport = z.object({ check: ExportCheck, normalization: ExportNormalization });
export type ExportReport = z.infer<typeof ExportReport>;

/** `export.json` beside the files of an export, written last. */
export const ExportManifest = z.object({
  kind: z.literal('graft.export/1'),
  name: z.string(),
  version: z.int().positive(),
  weightsSha256: Sha256Field,
  graftVersion: z.string(),
  createdAt: z.string(),
  format: ExportFormat,
  precision: ExportPrecision,
  model: ModelDescription,
  /** What is done before the files of the export begin, and what is inside them. */
  preprocessing: z.object({
    inside: z.array(z.enum(['decode', 'resize', 'normalize'])),
    resize: z.string(),
    normalization: ExportNormalization,
  }),
  check: ExportCheck,
  files: z.array(z.object({ path: z.string(), sha256: Sha256Field, sizeBytes: z.int().min(0) })),
});
export type ExportManifest = z.infer<typeof ExportManifest>;

/** `models/<name>/exports/<version>/<format>-<precision>.json`: what the last export of its kind cost, and where it is kept. */
export const ExportRecord = ExportManifest.pick({
  version: true,
  format: true,
  precision: true,
  createdAt: true,
  graftVersion: true,
  check: true,
}).extend({
  kind: z.literal('graft.export-record/1'),
  sizeBytes: z.int().min(0),
  /** Its files as a tar archive; absent where they were not kept, and in what graft wrote before it kept them. */
  archive: BlobRef.optional(),
});
export type ExportRecord = z.infer<typeof ExportRecord>;
