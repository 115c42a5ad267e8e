import { z } from 'zod';

/** Layouts that data sets come in; docs/data-formats.md shows each. */
export const DatasetFormat = z.enum([
  'folder',
  'csv',
  'jsonl',
  'voc',
  'coco',
  'yolo',
  'bdd100k',
  'open-images',
  'tfrecord',
  'pets',
  'webdataset',
]);
export type DatasetFormat = z.infer<typeof DatasetFormat>;
