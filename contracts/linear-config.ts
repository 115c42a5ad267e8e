import { z } from 'zod';

/** How a linear classifier on codes is learnt: `train.linear` of graft.yaml (core/linear). */
export const LinearConfig = z.strictObject({
  c: z
    .number()
    .positive()
    .default(1)
    .describe('Inverse strength of the penalty, as in scikit-learn: smaller is simpler.'),
  tolerance: z.number().positive().default(1e-5).describe('Done where no entry of the mean gradient is larger.'),
  maxIterations: z.int().positive().default(1000).describe('Done at the latest after so many.'),
});
export type LinearConfig = z.infer<typeof LinearConfig>;
