import { z } from 'zod';
import { Task } from './annotations.ts';
import { ApprovalConfig } from './approval-config.ts';
import { AugmentConfig } from './augment-config.ts';
import { AutoKey } from './auto-config.ts';
import { slug } from './config-fields.ts';
import { CacheConfig } from './cache-config.ts';
import { CardConfig } from './card-config.ts';
import { DatasetConfig, ImageConfig } from './dataset-config.ts';
import { GateConfig } from './gate-config.ts';
import { ModelConfig } from './model-config.ts';
import { NotifyConfig } from './notify-config.ts';
import { TrainConfig } from './train-config.ts';

export { AugmentConfig } from './augment-config.ts';
export { DatasetConfig, ImageConfig, SplitConfig } from './dataset-config.ts';
export { GateConfig, GatedMetric } from './gate-config.ts';
export { DetectorConfig } from './detector-config.ts';
export { BackboneId, ModelConfig, Strategy } from './model-config.ts';
export { ScheduleConfig, WatchedMetric } from './schedule-config.ts';
export { EarlyStopConfig } from './stopping-config.ts';
export { CheckpointConfig, FeatureType, OptimizerConfig, TrainConfig } from './train-config.ts';

/**
 * graft.yaml: what a person writes, with every default. Strict: an unknown key is an error (CONFIG_KEY), never ignored.
 * The type and its schema share one name.
 */
export const PromoteConfig = z.strictObject({
  model: slug.optional().describe('Name in the registry; the pipeline’s name where absent.'),
  alias: slug.default('champion').describe('The name that moves to the new version.'),
  gate: GateConfig.prefault({}),
  approval: z
    .enum(['automatic', 'manual'])
    .default('automatic')
    .describe('automatic: the gate alone decides; manual: what passes it waits for a person.'),
  approvals: ApprovalConfig.prefault({}),
  card: CardConfig.prefault({}),
});
export type PromoteConfig = z.infer<typeof PromoteConfig>;

export const PipelineConfig = z.strictObject({
  name: slug.describe('Names the runs, and the data set and the model where these have no name of their own.'),
  task: Task.default('classification').describe('What is learnt: the class of a picture, or the objects in it.'),
  dataset: DatasetConfig.describe('The labelled pictures.'),
  image: ImageConfig.prefault({}),
  augment: AugmentConfig.prefault({}),
  model: ModelConfig.prefault({}),
  train: TrainConfig.prefault({}),
  promote: PromoteConfig.prefault({}),
  notify: NotifyConfig,
  cache: CacheConfig.prefault({}),
  auto: z
    .array(AutoKey)
    .optional()
    .describe('Settings that are measured before the training; written as auto in their own place.'),
});
export type PipelineConfig = z.infer<typeof PipelineConfig>;
