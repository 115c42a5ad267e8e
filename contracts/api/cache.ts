import { z } from 'zod';
import { StoredStage } from '../manifests.ts';
import { Moment, Point } from './common.ts';

/** A field that was hashed into a stage's key. */
export const CacheField = z.object({
  field: z.string(),
  value: z.string(),
  /** What it was in the nearest other result; null where it was the same. */
  other: z.string().nullable(),
});
export type CacheField = z.infer<typeof CacheField>;

export const CacheStage = z.object({
  stage: StoredStage,
  key: z.string(),
  cached: z.boolean(),
  createdAt: Moment.nullable(),
  sizeBytes: z.int(),
  /** One line: why it was taken, or which field made it anew. */
  why: z.string(),
  fields: z.array(CacheField),
});
export type CacheStage = z.infer<typeof CacheStage>;

/** GET /api/cache/:run */
export const CacheView = z.object({ runId: z.string(), stages: z.array(CacheStage) });
export type CacheView = z.infer<typeof CacheView>;

export const LrFindRow = z.object({ id: z.string(), name: z.string(), createdAt: Moment });
export type LrFindRow = z.infer<typeof LrFindRow>;

/** GET /api/lr-finds: the newest first. */
export const LrFinds = z.object({ results: z.array(LrFindRow) });
export type LrFinds = z.infer<typeof LrFinds>;

/** GET /api/lr-finds/:id; `lr-finds/<id>.json` in the store. */
export const LrFind = z.object({
  kind: z.literal('graft.lr-find/1'),
  id: z.string(),
  name: z.string(),
  createdAt: Moment,
  backbone: z.string(),
  strategy: z.string(),
  suggestions: z.object({ valley: z.number(), slide: z.number(), steep: z.number(), minimum: z.number() }),
  /** [learning rate, smoothed loss] */
  curve: z.array(Point),
});
export type LrFind = z.infer<typeof LrFind>;
