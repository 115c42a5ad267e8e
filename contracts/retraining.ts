import { z } from 'zod';
import { BlobRef, Finding, RunIdField } from './manifests.ts';
import { DatasetConfig, ModelConfig } from './pipeline-config.ts';

/** A model version whose weights, head and all, a training begins with. */
export const WarmStart = z.object({
  model: z.string(),
  version: z.int().positive(),
  weights: BlobRef,
  backbone: ModelConfig.shape.backbone,
  /** The cut point behind which its backbone ends; null for its own end. */
  cut: z.string().nullable(),
});
export type WarmStart = z.infer<typeof WarmStart>;

/** Part of a side: JSON lines of paths. */
const PartOfSide = z.object({ paths: BlobRef, images: z.int().min(0) });

/**
 * `runs/<runId>/plan.json`, written once: what a retraining begins with and learns from. A champion that changes and days
 * that pass change nothing of a run that has begun, however often it is resumed.
 */
export const RetrainingPlan = z.object({
  kind: z.literal('graft.retraining-plan/1'),
  /** Null for the weights that the pipeline names. */
  start: WarmStart.nullable(),
  /** Training images of the window (`dataset.recent`); null for all. */
  train: PartOfSide.nullable(),
  /** Test images of the window, or those that the champion's data did not have; null where there are none. */
  newest: PartOfSide.nullable(),
  findings: z.array(Finding),
});
export type RetrainingPlan = z.infer<typeof RetrainingPlan>;

export const PlanRetrainingInput = z.object({
  runId: RunIdField,
  /** In the registry: whose weights are taken; null where the pipeline names others. */
  champion: z.object({ model: z.string(), alias: z.string() }).nullable(),
  /** What the weights must fit; null where trials differ in it, and each is checked when it trains. */
  network: ModelConfig.pick({ backbone: true, cut: true }).nullable(),
  recent: DatasetConfig.shape.recent,
  datasetManifestKey: z.string(),
  splitManifestKey: z.string(),
});
export type PlanRetrainingInput = z.infer<typeof PlanRetrainingInput>;
