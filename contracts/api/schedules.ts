import { z } from 'zod';
import { RetrainTrigger, ScheduledOutcome } from '../schedule.ts';
import { Moment } from './common.ts';

export const ScheduleRow = z.object({
  scheduleId: z.string(),
  /** The pipeline's name. */
  name: z.string(),
  cron: z.array(z.string()),
  everyMs: z.number().nullable(),
  timeZone: z.string(),
  trigger: RetrainTrigger,
  paused: z.boolean(),
  note: z.string().nullable(),
  next: z.array(Moment),
  /** The newest first. */
  ticks: z.array(z.object({ at: Moment, outcome: ScheduledOutcome.nullable() })),
  taken: z.int(),
  skippedByOverlap: z.int(),
  missedCatchUp: z.int(),
});
export type ScheduleRow = z.infer<typeof ScheduleRow>;

/** GET /api/schedules. POST /api/schedules/:id/trigger, /pause and /resume answer with its row. */
export const Schedules = z.object({ schedules: z.array(ScheduleRow) });
export type Schedules = z.infer<typeof Schedules>;
