import { z } from 'zod';

/** A part of a training: to the end of an epoch, from where another part paused. */
export const TrainingLeg = z.object({
  /** Counted from the training's beginning; the schedule spans the whole of it all the same. */
  untilEpoch: z.int().positive(),
  /**
   * Manifest of the training stage whose pause it goes on from: its own earlier part, or another trial's whose weights
   * it takes over. Null: from the beginning, or from this run's own checkpoints.
   */
  from: z.string().nullable(),
});
export type TrainingLeg = z.infer<typeof TrainingLeg>;
