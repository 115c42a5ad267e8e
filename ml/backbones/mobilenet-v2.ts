import type { BatchNormConstants } from '../nn/conv-bn.ts';
import { convBnBlock, invertedResidual } from '../nn/inverted-residual.ts';
import { imagenetMeanStd } from '../nn/preprocessing.ts';
import type { Backbone } from './backbone.ts';
import { cutAfterEach } from './backbone.ts';

/** Table 2 of the paper: [expansion, channels, repeats, stride of the first]. */
const STAGES = [
  [1, 16, 1, 1],
  [6, 24, 2, 2],
  [6, 32, 3, 2],
  [6, 64, 4, 2],
  [6, 96, 3, 1],
  [6, 160, 3, 2],
  [6, 320, 1, 1],
] as const;

/** PyTorch's BatchNorm2d defaults: eps 1e-5, momentum .1, which is .9 in TensorFlow's sense. */
const BATCH_NORM: BatchNormConstants = { epsilon: 1e-5, momentum: 0.9 };

/**
 * MobileNetV2 1.0 (Sandler et al. 1801.04381) in torchvision's form (torchvision/models/mobilenetv2.py): symmetric
 * padding, so weights of Keras or SLIM, which pad as TensorFlow does, are not interchangeable with these.
 * Blocks: `backbone/stem`, `backbone/blocks.0` … `.16`, `backbone/top`; 52 convolutions, features [h/32, w/32, 1280].
 */
export function mobilenetV2(): Backbone {
  const shared = { padding: 'symmetric', batchNorm: BATCH_NORM } as const;
  const stem = { name: 'backbone/stem', inChannels: 3, outChannels: 32, kernelPx: 3, stride: 2 };
  const blocks = [convBnBlock({ ...shared, ...stem, activation: 'relu6' })];
  const strides: number[] = [2];
  let inChannels = 32;
  for (const [expansion, outChannels, repeats, firstStride] of STAGES) {
    for (let repeat = 0; repeat < repeats; repeat++) {
      const name = `backbone/blocks.${blocks.length - 1}`;
      const stride = repeat === 0 ? firstStride : 1;
      blocks.push(invertedResidual({ ...shared, name, inChannels, outChannels, expansion, kernelPx: 3, stride }));
      strides.push(stride);
      inChannels = outChannels;
    }
  }
  const top = { name: 'backbone/top', inChannels, outChannels: 1280, kernelPx: 1, stride: 1 };
  blocks.push(convBnBlock({ ...shared, ...top, activation: 'relu6' }));
  strides.push(1);
  return {
    id: 'mobilenet-v2',
    blocks,
    cutPoints: cutAfterEach(blocks, strides),
    featureChannels: 1280,
    defaultSizePx: 224,
    minimumSizePx: 32,
    preprocessing: imagenetMeanStd,
    defaultDropout: 0.2,
    provenance: { source: 'arXiv:1801.04381; torchvision mobilenet_v2', publishedParameters: 3_504_872 },
  };
}
