import { backboneNames } from '../core/backbone-facts.ts';
import { z } from 'zod';
import { positiveInt, share } from './config-fields.ts';
import { DetectorConfig } from './detector-config.ts';

/** `model` of graft.yaml. */
export const BackboneId = z.enum(backboneNames);
export type BackboneId = z.infer<typeof BackboneId>;

export const Strategy = z.enum(['linear-probe', 'svm', 'head', 'last-n', 'full', 'scratch']);
export type Strategy = z.infer<typeof Strategy>;

export const ModelConfig = z.strictObject({
  backbone: BackboneId.default('efficientnet-lite0').describe('The pretrained trunk.'),
  weights: z
    .string()
    .default('imagenet')
    .describe(
      'imagenet, random, champion (the version that promote.alias names), or weights of your own (relative to graft.yaml): .safetensors, .pth, .h5, .keras, a SavedModel, a checkpoint or a tfjs model.',
    ),
  strategy: Strategy.default('head').describe(
    'linear-probe, svm: a linear classifier, solved exactly; head: the new layers; last-n: also the last blocks; full; scratch.',
  ),
  lastN: positiveInt.default(2).describe('How many blocks of the backbone last-n trains.'),
  cut: z
    .string()
    .min(1)
    .nullable()
    .default(null)
    .describe(
      'Last part of the backbone that is used, as in blocks.9; all of it where absent (linear-probe, svm, head).',
    ),
  dropout: share.lt(1).default(0).describe('Dropout before the last dense layer.'),
  detector: DetectorConfig.nullable()
    .default(null)
    .describe('What finds the objects on top of the backbone (task: detection); null for classification.'),
});
export type ModelConfig = z.infer<typeof ModelConfig>;
