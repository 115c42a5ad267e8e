import { z } from 'zod';
import { ModelDescription } from './manifests.ts';

/** Jobs of the ML child that measure before anything is trained, and what they answer (graft plan, strategy: auto). */
const Side = z.object({
  rows: z.int().min(0),
  shards: z.array(z.object({ path: z.string(), rows: z.int().positive() })),
});

/** How well linear classifiers on pretrained codes do in cross-validation, at these cuts and at the end. */
export const ProbeJob = z.object({
  kind: z.literal('probe'),
  /** A scratch folder. */
  workDir: z.string(),
  model: ModelDescription,
  weightsPath: z.string().nullable(),
  /** Pixels, with labels. */
  side: Side,
  /** Which rows of it, ascending. */
  rows: z.array(z.int().min(0)),
  /** Cut points before the end, from the front on. */
  cuts: z.array(z.string()),
  options: z.object({
    folds: z.int().min(2),
    seed: z.int(),
    c: z.number().positive(),
    maxIterations: z.int().positive(),
  }),
});
export type ProbeJob = z.infer<typeof ProbeJob>;

export const ProbeResult = z.object({
  images: z.int(),
  folds: z.int(),
  majority: z.number(),
  cuts: z.array(z.object({ cut: z.string(), accuracy: z.number() })),
});
export type ProbeResult = z.infer<typeof ProbeResult>;

/** What a training's parts take on this machine, in seconds: medians, and the quarter that was slowest and fastest. */
export const MeasureResult = z.object({
  /** Reading weights, building and compiling, up to the first step inclusive. */
  openSeconds: z.number(),
  stepSeconds: z.number(),
  stepFast: z.number(),
  stepSlow: z.number(),
  /** Scoring a batch of validation. */
  scoreSeconds: z.number(),
  /** The frozen part: up to its first batch inclusive, and each further batch of 32; null where nothing is kept. */
  prefix: z.object({ openSeconds: z.number(), batchSeconds: z.number() }).nullable(),
  /** Numbers of one picture's code; null where nothing is kept. */
  codeValues: z.int().nullable(),
  residentMb: z.number(),
});
export type MeasureResult = z.infer<typeof MeasureResult>;
