import { z } from 'zod';
import { fasterRcnnPresetNames } from '../core/detection/presets.ts';
import { positiveInt, share } from './config-fields.ts';
import { detectorKind, shared, suppression, weight } from './detector-fields.ts';

/** `model.detector` with `kind: faster-rcnn`. */
export const FasterRcnnConfig = z.strictObject({
  kind: detectorKind('faster-rcnn'),
  preset: z
    .enum(fasterRcnnPresetNames)
    .default('faster_rcnn_resnet50')
    .describe('The published configuration that the other keys start from.'),
  ...shared,
  batchNorm: z
    .enum(['frozen', 'batch'])
    .default('frozen')
    .describe('frozen: the backbone keeps its stored statistics; batch: for a backbone that starts from nothing.'),
  anchors: z
    .strictObject({
      scales: z.array(z.number().positive()).min(1).default([0.25, 0.5, 1, 2]).describe('Sides as shares of basePx.'),
      aspectRatios: z.array(z.number().positive()).min(1).default([0.5, 1, 2]).describe('Width by height.'),
      basePx: positiveInt.default(256).describe('Side of an anchor of scale 1.'),
      shapes: z
        .array(z.tuple([z.number().positive(), z.number().positive()]))
        .min(1)
        .max(64)
        .nullable()
        .default(null)
        .describe(
          '[height, width] in pixels of each anchor, in place of scales and aspectRatios: graft data anchors fits them.',
        ),
      stridePx: positiveInt
        .default(16)
        .describe('Pixels from one cell to the next: the stride of the map that both stages look at.'),
      outside: z
        .enum(['prune', 'keep'])
        .default('prune')
        .describe('Anchors beyond the edge: prune leaves them out of training; keep, for pictures of few anchors.'),
    })
    .prefault({})
    .describe('The boxes that proposals start from.'),
  firstStage: z
    .strictObject({
      channels: positiveInt.default(512).describe('Of the convolution before the proposals.'),
      deviation: z.number().positive().default(0.01).describe('Standard deviation of new kernels, cut at two of them.'),
      matched: share.default(0.7).describe('From this overlap on an anchor is an object.'),
      unmatched: share.default(0.3).describe('Below this one it is background.'),
      minibatch: positiveInt.default(256).describe('Anchors of a picture that count.'),
      positiveShare: share.default(0.5).describe('At most this share of them are objects.'),
      iouThreshold: share.default(0.7).describe('Of two proposals that overlap by more, the surer one stays.'),
      proposals: positiveInt.max(2000).default(300).describe('Most proposals of a picture.'),
      candidates: positiveInt
        .nullable()
        .default(6000)
        .describe('Anchors that proposals are picked from, the surest first; null for all of them, as published.'),
      boxWeight: weight(2),
      objectWeight: weight(1),
    })
    .prefault({})
    .describe('The region proposal network.'),
  secondStage: z
    .strictObject({
      minibatch: positiveInt.default(64).describe('Proposals of a picture that count.'),
      positiveShare: share.default(0.25).describe('At most this share of them are objects.'),
      matched: share.default(0.5).describe('From this overlap on a proposal is an object.'),
      addObjects: z
        .boolean()
        .default(false)
        .describe('Put the objects themselves among the proposals: a help while there are no good ones.'),
      mostObjects: positiveInt
        .max(1000)
        .default(100)
        .describe('Objects of a picture that count, the first ones; memory grows with it.'),
      cropPx: positiveInt.default(14).describe('Side of what is cut out of the feature map.'),
      boxWeight: weight(2),
      classWeight: weight(1),
    })
    .prefault({})
    .describe('The classifier of proposals.'),
  postprocess: suppression({ scoreThreshold: 0, total: 300 }),
});
export type FasterRcnnConfig = z.infer<typeof FasterRcnnConfig>;
