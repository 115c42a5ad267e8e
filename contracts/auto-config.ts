import { z } from 'zod';
import { Strategy } from './model-config.ts';

/** Settings that may be `auto` in graft.yaml: they are measured once the pictures are rendered, before the training. */
export const AutoKey = z.enum(['model.strategy', 'train.optimizer.learningRate', 'train.batchSize']);
export type AutoKey = z.infer<typeof AutoKey>;

/** What the stage `advise` found (activities/advise), content-addressed as every stage's output. */
export const Settled = z.object({
  strategy: Strategy.optional(),
  lastN: z.int().optional(),
  cut: z.string().nullable().optional(),
  backboneRate: z.number().optional(),
  learningRate: z.number().optional(),
  batchSize: z.int().optional(),
  /** In plain words, one line each. */
  why: z.array(z.string()),
});
export type Settled = z.infer<typeof Settled>;
