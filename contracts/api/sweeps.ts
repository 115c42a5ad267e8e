import { z } from 'zod';
import { SweepReport } from '../sweep.ts';
import { Moment } from './common.ts';

export const SweepRow = z.object({
  sweepId: z.string(),
  status: z.string(),
  startedAt: Moment,
  endedAt: Moment.nullable(),
});
export type SweepRow = z.infer<typeof SweepRow>;

/** GET /api/sweeps: the newest first. */
export const Sweeps = z.object({ sweeps: z.array(SweepRow) });
export type Sweeps = z.infer<typeof Sweeps>;

/** An axis of the parallel coordinates. */
export const SweepAxis = z.object({
  name: z.string(),
  scale: z.enum(['linear', 'log', 'category']),
  /** The ends of a number's range. */
  range: z.tuple([z.number(), z.number()]).nullable(),
  /** The values of a choice, as JSON. */
  choices: z.array(z.string()).nullable(),
});
export type SweepAxis = z.infer<typeof SweepAxis>;

/** GET /api/sweeps/:id, and the data of `progress` in its stream. */
export const Sweep = z.object({
  report: SweepReport,
  method: z.string(),
  axes: z.array(SweepAxis),
  /** Shares of the first objective; null for fewer than eight results. */
  importance: z.array(z.object({ name: z.string(), share: z.number() })).nullable(),
  /** What each trial came to at each epoch it was judged at: the rungs. */
  rungs: z.array(z.object({ trial: z.int(), epoch: z.int(), metric: z.number() })),
  paused: z.boolean(),
});
export type Sweep = z.infer<typeof Sweep>;

/** GET /api/sweeps/:id/stream, server-sent events as those of a run. */
export const SweepEvent = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('progress'), sweep: Sweep }),
  z.object({ kind: z.literal('away'), problem: z.string() }),
  z.object({ kind: z.literal('gone'), problem: z.string() }),
  z.object({ kind: z.literal('end'), sweep: Sweep }),
]);
export type SweepEvent = z.infer<typeof SweepEvent>;

/** POST /api/sweeps/:id/change */
export const SweepChange = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('pause') }),
  z.strictObject({ kind: z.literal('resume') }),
  z.strictObject({ kind: z.literal('stop') }),
  z.strictObject({ kind: z.literal('stop-trial'), trial: z.int().min(0) }),
]);
export type SweepChange = z.infer<typeof SweepChange>;
