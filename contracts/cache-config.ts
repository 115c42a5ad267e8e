import { z } from 'zod';
import { StageName } from './stage-name.ts';

/** Stages whose results may be refused; advice is given anew, and promotion is a step, not a result. */
export const CachedStage = StageName.exclude(['advise', 'promote']);
export type CachedStage = z.infer<typeof CachedStage>;

/** `cache` of graft.yaml: which earlier results a run may take. It changes no result's address. */
export const CacheConfig = z.strictObject({
  bypass: z
    .array(CachedStage)
    .default([])
    .describe('Stages that are done again although their result is there (graft run --no-cache STAGE).'),
  maxAgeDays: z
    .partialRecord(CachedStage, z.number().positive())
    .default({})
    .describe('Results that are older are made again, e.g. evaluate: 30; for ever where absent.'),
});
export type CacheConfig = z.infer<typeof CacheConfig>;
