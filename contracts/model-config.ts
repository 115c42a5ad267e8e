import { backboneNames } from '../core/backbone-facts.ts';
import { z } from 'zod';
import { positiveInt, share } from './config-fields.ts';
import { DetectorConfig } from './detector-config.ts';

/** `model` of graft.yaml. */
export const BackboneId = z.enum(backboneNames);
export type BackboneId = z.infer<typeof BackboneId>;

export const Strategy = z.enum(['linear-probe', 'svm', 'head', 'last-n', 'gradual', 'full', 'scratch']);
export type Strategy = z.infer<typeof Strategy>;

export const HeadLayerConfig = z.strictObject({
  dense: positiveInt.max(65_536).describe('How many values it gives.'),
  activation: z
    .enum(['relu', 'relu6', 'tanh', 'linear'])
    .default('relu')
    .describe('What follows it; linear for nothing.'),
  dropout: share.lt(1).default(0).describe('Dropout behind it.'),
});
export type HeadLayerConfig = z.infer<typeof HeadLayerConfig>;

export const ModelConfig = z.strictObject({
  backbone: BackboneId.default('efficientnet-lite0').describe('The pretrained trunk.'),
  weights: z
    .string()
    .default('imagenet')
    .describe(
      'imagenet, random, champion (the version that promote.alias names), or weights of your own (relative to graft.yaml): .safetensors, .pth, .h5, .keras, a SavedModel, a checkpoint or a tfjs model.',
    ),
  strategy: Strategy.default('head').describe(
    'linear-probe, svm: a linear classifier, solved exactly; head: the new layers; last-n: also the last blocks; gradual: the new layers for an epoch, then everything, slower towards the front; full; scratch.',
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
  head: z
    .array(HeadLayerConfig)
    .max(8)
    .default([])
    .describe('Layers of your own before the last dense one, as in [{dense: 256, dropout: 0.3}].'),
  firstKernels: z
    .enum(['sum', 'average'])
    .default('sum')
    .describe(
      'Of gray pictures: what the first convolution’s three kernels become; average divides their sum by three.',
    ),
  detector: DetectorConfig.nullable()
    .default(null)
    .describe('What finds the objects on top of the backbone (task: detection); null for classification.'),
});
export type ModelConfig = z.infer<typeof ModelConfig>;
