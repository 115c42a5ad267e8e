import { z } from 'zod';
import { Finding, RunIdField } from './manifests.ts';
import { BackboneId, DatasetConfig, ImageConfig, PipelineConfig } from './pipeline-config.ts';

/** When a champion has become worse (core/promotion/watch.ts). */
export const WatchRules = z.object({
  /** How much the accuracy may lie below the recorded one. */
  mayFall: z.number().min(0).max(1),
  confidence: z.number().gt(0.5).lt(1),
});
export type WatchRules = z.infer<typeof WatchRules>;

/** `watchModelWorkflow`: a champion is asked about new labelled pictures. Small: references and settings only. */
export const WatchInput = z.object({
  model: z.string(),
  alias: z.string(),
  dataset: DatasetConfig,
  image: ImageConfig,
  backbone: BackboneId,
  rules: WatchRules,
  /** Whether the alias goes back by itself where the version before is better on these pictures. */
  rollBack: z.boolean(),
  /** What is trained where the model is worse or the data have drifted; null: nothing. */
  retrain: PipelineConfig.nullable(),
  requestedBy: z.string(),
});
export type WatchInput = z.infer<typeof WatchInput>;

export const ShadowInput = WatchInput.pick({ model: true, alias: true, rules: true }).extend({
  watchId: RunIdField,
  datasetManifestKey: z.string(),
  /** What validation said of the data beside the champion's. */
  drift: z.array(Finding).max(50),
});
export type ShadowInput = z.infer<typeof ShadowInput>;

/** `models/<name>/watch/<watchId>.json`. */
export const WatchReport = z.object({
  kind: z.literal('graft.watch/1'),
  watchId: RunIdField,
  at: z.string(),
  model: z.string(),
  alias: z.string(),
  version: z.int().positive(),
  datasetManifestKey: z.string(),
  images: z.int().positive(),
  /** On these pictures, and on the test set when it was evaluated. */
  accuracy: z.object({ seen: z.number(), recorded: z.number(), recordedImages: z.int() }),
  /** Where a rollback would lead, on the same pictures: `wins` are what the champion alone gets right. */
  before: z
    .object({ version: z.int(), accuracy: z.number(), wins: z.int(), losses: z.int(), pValue: z.number() })
    .nullable(),
  drift: z.array(Finding),
  verdict: z.enum(['fine', 'drifted', 'worse', 'roll-back']),
  /** One line for people. */
  reason: z.string(),
});
export type WatchReport = z.infer<typeof WatchReport>;

export const WatchOutcome = z.object({
  report: WatchReport,
  /** Null where the alias stays. */
  rolledBackTo: z.int().positive().nullable(),
  /** The run that was started; null where none was. */
  retraining: RunIdField.nullable(),
});
export type WatchOutcome = z.infer<typeof WatchOutcome>;
