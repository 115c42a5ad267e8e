import { z } from 'zod';

const words = z.string().trim().min(1).max(4000).nullable().default(null);

/** `promote.card` of graft.yaml: what only people know of a model. */
export const CardConfig = z.strictObject({
  intendedUse: words.describe('What the model is for, and what it is not for: the model card says it.'),
  limits: words.describe('Known limits, beside those that the figures show.'),
});
export type CardConfig = z.infer<typeof CardConfig>;
