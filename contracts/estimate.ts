import { z } from 'zod';

const range = z.object({ low: z.number(), expected: z.number(), high: z.number() });

/** What `graft plan` expected of a run's training, before anything ran. */
export const RunEstimate = z.object({
  plannedAt: z.string(),
  /** Of the stage `train`. */
  seconds: range,
  memoryMb: z.number(),
  storageBytes: z.number(),
  /** Money, where an hour has a price. */
  cost: range.nullable(),
});
export type RunEstimate = z.infer<typeof RunEstimate>;

/** The same beside what it came to; null where the training was found done. */
export const RunEstimateKept = RunEstimate.extend({
  actualSeconds: z.number().nullable(),
  /** Actual through expected. */
  ratio: z.number().nullable(),
});
export type RunEstimateKept = z.infer<typeof RunEstimateKept>;

/** `.graft/plans/<sha256 of the configuration>.json`: found again by `graft run` of the same file. */
export const KeptPlan = z.object({ kind: z.literal('graft.plan/1'), estimate: RunEstimate });
export type KeptPlan = z.infer<typeof KeptPlan>;
