import { z } from 'zod';
import { ApprovalRow } from './approvals.ts';
import { Moment } from './common.ts';
import { RunRow } from './runs.ts';

export const Role = z.enum(['viewer', 'approver']);
export type Role = z.infer<typeof Role>;

/** GET /api/session: who asks, and what that person may do. 401 where nobody is signed in. */
export const Session = z.object({
  user: z.string(),
  /** An approver may do everything; a viewer may look. */
  role: Role,
  graftVersion: z.string(),
  /** When it has to be opened with the token again. */
  expiresAt: Moment,
});
export type Session = z.infer<typeof Session>;

const Service = z.object({
  ok: z.boolean(),
  /** What is wrong, in one line; null where nothing is. */
  problem: z.string().nullable(),
  /** Since when it has been as it is. */
  since: Moment,
});

/** GET /api/health: what the dashboard stands on. Always 200. */
export const Health = z.object({ temporal: Service, store: Service });
export type Health = z.infer<typeof Health>;

export const NextTick = z.object({ scheduleId: z.string(), name: z.string(), at: Moment });
export type NextTick = z.infer<typeof NextTick>;

export const ChampionRow = z.object({
  model: z.string(),
  alias: z.string(),
  version: z.int(),
  accuracy: z.number().nullable(),
  since: Moment.nullable(),
});
export type ChampionRow = z.infer<typeof ChampionRow>;

/** GET /api/overview */
export const Overview = z.object({
  counts: z.object({
    running: z.int(),
    waiting: z.int(),
    completed: z.int(),
    failed: z.int(),
    cancelled: z.int(),
  }),
  running: z.array(RunRow),
  waiting: z.array(ApprovalRow),
  /** The newest that failed. */
  failed: z.array(RunRow),
  recent: z.array(RunRow),
  next: z.array(NextTick),
  champions: z.array(ChampionRow),
});
export type Overview = z.infer<typeof Overview>;
