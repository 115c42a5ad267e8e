import { z } from 'zod';
import { positiveInt, share } from './config-fields.ts';

/** Keys that every kind of `model.detector` has. */
export const detectorKind = <const K extends string>(name: K) =>
  z.literal(name).describe('Which detector; the other keys belong to it.');

export const weight = (value: number) =>
  z.number().min(0).max(1000).default(value).describe('Weight of this loss in the sum.');

export const codeScales = z
  .tuple([z.number().positive(), z.number().positive(), z.number().positive(), z.number().positive()])
  .default([10, 10, 5, 5])
  .describe('What the codes of a box (y, x, height, width) are multiplied by.');

export const suppression = (defaults: { scoreThreshold: number; total: number }) =>
  z
    .strictObject({
      scoreThreshold: share.default(defaults.scoreThreshold).describe('What is less sure is left out.'),
      iouThreshold: share.default(0.6).describe('Of two boxes of a class that overlap by more, the surer one stays.'),
      perClass: positiveInt.max(1000).default(100).describe('Most boxes of a class in a picture.'),
      total: positiveInt.max(1000).default(defaults.total).describe('Most boxes in a picture.'),
    })
    .prefault({})
    .describe('What becomes of the raw boxes.');

export const MapScheduleConfig = z
  .strictObject({
    everyEpochs: positiveInt
      .default(1)
      .describe('Epochs from one mAP on the validation side to the next; the last has one too.'),
    medianOf: positiveInt.max(99).default(5).describe('The moving median is taken of so many.'),
    resamples: z
      .int()
      .min(0)
      .max(10_000)
      .default(200)
      .describe('Resampled validation sides of the bootstrap interval; 0 for none.'),
  })
  .prefault({})
  .describe('mAP while it trains.');
export type MapScheduleConfig = z.infer<typeof MapScheduleConfig>;

export const shared = {
  codeScales,
  l2: z.number().min(0).default(0).describe('L2 of all kernels, as a share of half their squares.'),
  validation: MapScheduleConfig,
};
