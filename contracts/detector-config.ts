import { z } from 'zod';
import { ssdPresetNames } from '../core/detection/presets.ts';
import { positiveInt, share } from './config-fields.ts';
import { detectorKind, shared, suppression, weight } from './detector-fields.ts';
import { FasterRcnnConfig } from './faster-rcnn-config.ts';

export { FasterRcnnConfig } from './faster-rcnn-config.ts';

/** `model.detector` of graft.yaml (docs/detection.md). */
const mined = z.strictObject({
  kind: z.literal('mined').describe('Cross-entropy of the anchors that are hardest.'),
  candidates: positiveInt
    .default(3000)
    .describe('Anchors of a picture that are looked at, those of the largest loss first.'),
  iouThreshold: share
    .nullable()
    .default(null)
    .describe('Of two candidates that overlap by more, one is left out (published: 0.99); null looks at all.'),
  negativesPerPositive: z.number().positive().default(3).describe('Anchors without an object for each with one.'),
  minNegatives: z.int().min(0).default(0).describe('Kept in a picture without objects too.'),
});
const focal = z.strictObject({
  kind: z.literal('focal').describe('Focal loss of all anchors.'),
  gamma: z.number().min(0).default(2).describe('How little the easy ones count.'),
  alpha: share.default(0.25).describe('Weight of objects against background.'),
});

export const SsdConfig = z.strictObject({
  kind: detectorKind('ssd'),
  preset: z
    .enum(ssdPresetNames)
    .default('ssd_mobilenet_v1')
    .describe('The published configuration that the other keys start from.'),
  ...shared,
  l2: z.number().min(0).default(4e-5).describe('L2 of all kernels, as a share of half their squares.'),
  tap: z
    .string()
    .nullable()
    .default(null)
    .describe(
      'Cut point of the backbone that the first feature map is taken of; null for the last of half the stride.',
    ),
  predictorKernelPx: z
    .union([z.literal(1), z.literal(3)])
    .default(1)
    .describe('Side of the predictors’ kernels.'),
  depthwise: z
    .boolean()
    .default(false)
    .describe('SSDLite: predictors and further maps in depthwise separable convolutions.'),
  extraChannels: z
    .array(positiveInt.max(4096))
    .max(8)
    .default([512, 256, 256, 128])
    .describe('Channels of the feature maps beyond the backbone’s, each half the side of the one before.'),
  kernelDeviation: z
    .number()
    .positive()
    .default(0.03)
    .describe('Standard deviation of new kernels, cut at two of them.'),
  batchNorm: z
    .strictObject({
      epsilon: z.number().positive().default(1e-3).describe('Keeps the divisor from zero.'),
      momentum: share.lt(1).default(0.9997).describe('How much of the old statistics a step keeps, in new layers.'),
    })
    .prefault({})
    .describe('BatchNorm of the layers that are not the backbone’s.'),
  anchors: z
    .strictObject({
      minScale: z
        .number()
        .positive()
        .max(1)
        .default(0.2)
        .describe('Scale on the first map, as a share of the shorter side.'),
      maxScale: z.number().positive().max(1).default(0.95).describe('Scale on the last map.'),
      aspectRatios: z.array(z.number().positive()).min(1).default([1, 2, 0.5, 3, 0.3333]).describe('Width by height.'),
      interpolatedAspectRatio: z.number().min(0).default(1).describe('Of one more between two scales; 0 for none.'),
      reduceLowestLayer: z
        .boolean()
        .default(true)
        .describe('Three anchors on the first map: (0.1, 1), (min, 2), (min, 0.5).'),
    })
    .prefault({})
    .describe('The boxes that predictions start from.'),
  matcher: z
    .strictObject({
      matched: share.default(0.5).describe('From this overlap on an anchor is an object.'),
      unmatched: share.default(0.5).describe('Below this one it is background; between the two it counts for nothing.'),
      forceEach: z.boolean().default(true).describe('Every object gets the anchor that fits it best.'),
    })
    .prefault({})
    .describe('Which anchor learns which object.'),
  loss: z
    .strictObject({
      classification: z
        .discriminatedUnion('kind', [mined, focal])
        .prefault({ kind: 'mined' })
        .describe('Loss of the classes.'),
      classWeight: weight(1),
      boxWeight: weight(1),
    })
    .prefault({})
    .describe('What is descended.'),
  postprocess: suppression({ scoreThreshold: 1e-8, total: 100 }),
});
export type SsdConfig = z.infer<typeof SsdConfig>;

export const DetectorConfig = z.discriminatedUnion('kind', [SsdConfig, FasterRcnnConfig]);
export type DetectorConfig = z.infer<typeof DetectorConfig>;
