import { z } from 'zod';
import { Moment, pageAnswer, pageQuery } from './common.ts';

/** GET /api/datasets/:name/:version/trainings: versions that were trained on it, the newest first, at most 50. */
export const Trainings = z.object({
  trainings: z.array(z.object({ runId: z.string(), model: z.string(), version: z.int(), createdAt: Moment })),
});
export type Trainings = z.infer<typeof Trainings>;

/** GET /api/runs/:id/training-pictures: rows of its training side in their order, as prepared and as they were drawn. */
export const TrainingPicturesQuery = z.object({
  epoch: z.coerce.number().int().min(1).max(1_000_000).default(1).describe('The first epoch that is shown, from 1.'),
  draws: z.coerce.number().int().min(1).max(4).default(3).describe('So many epochs from it on.'),
  cursor: pageQuery.cursor,
  limit: z.coerce.number().int().min(1).max(48).default(12).describe('At most so many pictures.'),
});
export type TrainingPicturesQuery = z.infer<typeof TrainingPicturesQuery>;

/** Left, top, width and height in shares of the frame. */
const FramedBox = z.object({
  label: z.string(),
  x: z.number(),
  y: z.number(),
  width: z.number(),
  height: z.number(),
});
export type FramedBox = z.infer<typeof FramedBox>;

export const TrainingPicture = z.object({
  row: z.int(),
  path: z.string(),
  /** Null of a detector. */
  label: z.string().nullable(),
  /** As prepared: the picture is /api/runs/<id>/training-pictures/<row>. */
  boxes: z.array(FramedBox),
  /** With `?epoch=<epoch>` the picture as that epoch drew it. */
  draws: z.array(
    z.object({
      epoch: z.int(),
      /** Those that are left, where the draw puts them. */
      boxes: z.array(FramedBox),
      /** What was mixed into it (mixup, cutmix), and its own share of the target; null for nothing. */
      mixed: z.object({ path: z.string(), label: z.string().nullable(), ownShare: z.number() }).nullable(),
    }),
  ),
});
export type TrainingPicture = z.infer<typeof TrainingPicture>;

export const TrainingPictures = z.object({
  /** Epochs that were drawn; behind a frozen trunk so many variants, in turns. */
  epochs: z.int(),
  /** Names of the settings of `augment` that change something; empty where the pictures are learnt as they are. */
  on: z.array(z.string()),
  seed: z.int(),
  items: z.array(TrainingPicture),
  ...pageAnswer,
});
export type TrainingPictures = z.infer<typeof TrainingPictures>;

/** GET /api/runs/:id/training-pictures/:row: a PNG. */
export const DrawnPictureQuery = z.object({ epoch: z.coerce.number().int().min(1).max(1_000_000).optional() });
