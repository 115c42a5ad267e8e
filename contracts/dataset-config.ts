import { z } from 'zod';
import { resizings } from '../core/dataset/framing.ts';
import { positiveInt, share, slug } from './config-fields.ts';
import { DataChecksConfig } from './data-checks-config.ts';
import { DatasetFormat } from './dataset-formats.ts';

/** `dataset` and `image` of graft.yaml: which pictures, how they are split, and how the network gets them. */
export const SplitConfig = z.strictObject({
  test: share
    .gt(0)
    .lt(0.9)
    .default(0.2)
    .describe('Share of the items held out for the final test; 0.15 to 0.2 is usual.'),
  validation: share
    .gt(0)
    .lt(0.9)
    .default(0.1)
    .describe('Share of the items that decides early stop and the best epoch.'),
  stratify: z.boolean().default(true).describe('Keep the shares within every class.'),
  groupBy: z
    .string()
    .nullable()
    .default(null)
    .describe(
      'Regular expression over the relative path whose first group names what must stay on one side (patient, video).',
    ),
  given: z
    .enum(['respect', 'ignore'])
    .default('respect')
    .describe('Sides that the data set comes with: take validation and test as they are given, or deal anew.'),
  folds: z
    .strictObject({
      count: z.int().min(2).max(20).describe('Folds of what is not held out for the test.'),
      index: z.int().min(0).describe('The fold that validates, from 0; one run for each.'),
    })
    .nullable()
    .default(null)
    .describe(
      'k-fold cross-validation: every fold validates once, in a run of its own; null for one fixed validation side.',
    ),
  seed: z.int().min(0).default(1).describe('Another seed is another split.'),
});
export type SplitConfig = z.infer<typeof SplitConfig>;

export const DatasetConfig = z.strictObject({
  source: z
    .string()
    .min(1)
    .describe(
      'A folder, a table, or an archive of them (zip, tar, tar.gz): a path relative to graft.yaml, s3://bucket/prefix, or https://….',
    ),
  format: z
    .enum(['auto', ...DatasetFormat.options])
    .default('auto')
    .describe('How pictures and annotations lie there (docs/data-formats.md); auto tells it from the files.'),
  name: slug.optional().describe('Name of the data set in storage; the pipeline’s name where absent.'),
  split: SplitConfig.prefault({}),
  outsideBoxes: z
    .enum(['quarantine', 'clip'])
    .default('quarantine')
    .describe(
      'Boxes that reach more than a pixel beyond their picture: leave the picture out, or cut them at its edge.',
    ),
  hierarchy: z
    .enum(['ignore', 'expand'])
    .default('ignore')
    .describe(
      'Open Images: with expand a box or label counts for all classes above its own, and an absent class for all kinds of it.',
    ),
  window: z
    .strictObject({
      center: z.number().describe('The stored value that becomes middle gray.'),
      width: z.number().min(1).describe('How many stored values lie between black and white.'),
    })
    .nullable()
    .default(null)
    .describe('How DICOM and 16-bit gray PNG are shown; null: as the DICOM file says, PNG by its upper eight bits.'),
  recent: z
    .strictObject({
      images: positiveInt
        .optional()
        .describe('So many of the newest training images; in one version the last by path.'),
      days: z.number().positive().optional().describe('Training images that were first ingested within so many days.'),
    })
    .refine(({ images, days }) => (images === undefined) !== (days === undefined), 'exactly one of images and days')
    .nullable()
    .default(null)
    .describe('Train on the newest images only; validation and test stay whole. Null: on all.'),
  checks: DataChecksConfig.prefault({}).describe('What happens where validation finds something.'),
  workers: positiveInt
    .max(16)
    .default(1)
    .describe(
      'Data workers that read and render at once, each a share of the partitions; more than one pays on several machines.',
    ),
  maxQuarantined: share.default(0.05).describe('Share of unreadable items above which the run fails.'),
});
export type DatasetConfig = z.infer<typeof DatasetConfig>;

export const ImageConfig = z.strictObject({
  size: z
    .tuple([z.int().min(8).max(4096), z.int().min(8).max(4096)])
    .optional()
    .describe('[height, width] in pixels, the same for every image; the backbone’s own size where absent.'),
  resize: z
    .enum(resizings)
    .default('stretch')
    .describe(
      'stretch changes the aspect ratio, pad adds black borders, crop cuts the centre, keep-aspect scales by keepAspect and adds borders.',
    ),
  keepAspect: z
    .strictObject({
      minPx: z.int().min(8).max(4096).default(600).describe('What the shorter side is brought to …'),
      maxPx: z
        .int()
        .min(8)
        .max(4096)
        .default(1024)
        .describe('… unless the longer side would then be longer than this.'),
    })
    .prefault({})
    .describe('For resize: keep-aspect, as in Faster R-CNN; where size is absent, every image is maxPx × maxPx.'),
  color: z.enum(['rgb', 'gray']).default('rgb').describe('gray: one channel, repeated for the backbone’s three.'),
  normalization: z
    .string()
    .default('auto')
    .describe(
      'auto takes what the backbone was trained with, measured the mean and deviation of each channel of the training images; any other name must equal the backbone’s (NORMALIZATION_MISMATCH).',
    ),
});
export type ImageConfig = z.infer<typeof ImageConfig>;
