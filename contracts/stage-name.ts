import { z } from 'zod';

export const StageName = z.enum([
  'ingest',
  'validate',
  'split',
  'prepare',
  'advise',
  'train',
  'evaluate',
  'gate',
  'promote',
]);
export type StageName = z.infer<typeof StageName>;

/** Why a result was made again although one had the same address. */
export const RemadeBecause = z.enum(['bypassed', 'expired', 'parts-gone', 'unreadable', 'collected']);
export type RemadeBecause = z.infer<typeof RemadeBecause>;

/** Before when a result is too old for a run, and why; workflow time, so that a stage that is tried again finds its own. */
export const Freshness = z.object({ since: z.string(), because: RemadeBecause.extract(['bypassed', 'expired']) });
export type Freshness = z.infer<typeof Freshness>;
