import { z } from 'zod';
import { Finding, QuarantinedItem, Side, Task } from '../manifests.ts';
import { Box } from '../annotations.ts';
import { Moment, pageAnswer, pageQuery } from './common.ts';

export const DatasetVersionRow = z.object({
  version: z.string(),
  createdAt: Moment,
  images: z.int(),
  classes: z.int(),
  boxes: z.int().nullable(),
  sizeBytes: z.int(),
});
export type DatasetVersionRow = z.infer<typeof DatasetVersionRow>;

/** GET /api/datasets: by name, versions the newest first. */
export const Datasets = z.object({
  datasets: z.array(z.object({ name: z.string(), versions: z.array(DatasetVersionRow) })),
});
export type Datasets = z.infer<typeof Datasets>;

/** Counts of values between `from` and `to`. */
export const Bin = z.object({ from: z.number(), to: z.number(), count: z.int() });
export type Bin = z.infer<typeof Bin>;

/** GET /api/datasets/:name/:version */
export const Dataset = z.object({
  name: z.string(),
  version: z.string(),
  task: Task,
  format: z.string(),
  images: z.int(),
  boxes: z.int().nullable(),
  sizeBytes: z.int(),
  /** Images of each class; boxes of each for detection. */
  perClass: z.array(z.object({ label: z.string(), count: z.int() })),
  sizes: z.object({ width: z.array(Bin), height: z.array(Bin), aspect: z.array(Bin) }),
  /** Side of a square of the same area, as a share of the picture's; empty for classification. */
  boxSizes: z.array(Bin),
  /** How the boxes fit the anchors of an SSD by default; null for classification. Sides are shares of the picture's. */
  anchorFit: z
    .object({
      /** Of a box with the anchor that is nearest in shape, laid on one another. */
      meanOverlap: z.number(),
      /** Share of boxes that no anchor overlaps by half. */
      missed: z.number(),
      shapes: z.array(z.object({ width: z.number(), height: z.number(), share: z.number() })),
    })
    .nullable(),
  /** At most 500 are listed. */
  quarantine: z.object({ total: z.int(), items: z.array(QuarantinedItem) }),
  /** Groups of paths that look alike; at most 200 are listed. */
  duplicates: z.object({ total: z.int(), groups: z.array(z.array(z.string())) }),
  findings: z.array(Finding),
  /** The newest split of this version. */
  split: z
    .object({
      key: z.string(),
      counts: z.partialRecord(Side, z.int()),
      perClass: z.array(z.object({ label: z.string(), counts: z.partialRecord(Side, z.int()) })),
    })
    .nullable(),
});
export type Dataset = z.infer<typeof Dataset>;

export const DatasetItemRow = z.object({
  path: z.string(),
  label: z.string(),
  /** The picture is /api/images/<sha256>. */
  sha256: z.string(),
  width: z.int(),
  height: z.int(),
  sizeBytes: z.int(),
  boxes: z.array(Box).nullable(),
});
export type DatasetItemRow = z.infer<typeof DatasetItemRow>;

/** GET /api/datasets/:name/:version/items, by path. */
export const DatasetItemsQuery = z.object({
  label: z.string().max(500).optional(),
  search: z.string().max(200).optional().describe('A part of the path.'),
  ...pageQuery,
});
export type DatasetItemsQuery = z.infer<typeof DatasetItemsQuery>;
export const DatasetItems = z.object({ items: z.array(DatasetItemRow), ...pageAnswer });
export type DatasetItems = z.infer<typeof DatasetItems>;

/** GET /api/datasets/:name/:version/diff: what changed since version `from`. Lists are cut at 500. */
export const DatasetDiffQuery = z.object({ from: z.string() });
export type DatasetDiffQuery = z.infer<typeof DatasetDiffQuery>;
const Listed = z.object({ total: z.int(), paths: z.array(z.string()) });
export const DatasetDiffView = z.object({
  from: z.string(),
  to: z.string(),
  same: z.int(),
  added: Listed,
  removed: Listed,
  moved: Listed,
  changed: Listed,
  relabelled: Listed,
  classes: z.array(z.object({ label: z.string(), before: z.int(), after: z.int() })),
});
export type DatasetDiffView = z.infer<typeof DatasetDiffView>;
