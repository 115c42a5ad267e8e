import type { BatchNormConstants } from '../nn/conv-bn.ts';
import { convBnBlock, invertedResidual } from '../nn/inverted-residual.ts';
import { minus127Over128 } from '../nn/preprocessing.ts';
import type { Backbone } from './backbone.ts';
import { cutAfterEach } from './backbone.ts';

/** EfficientNet-B0's table 1 (1905.11946): [expansion, channels, repeats, stride of the first, side of the kernel]. */
const STAGES = [
  [1, 16, 1, 1, 3],
  [6, 24, 2, 2, 3],
  [6, 40, 2, 2, 5],
  [6, 80, 3, 2, 3],
  [6, 112, 3, 1, 5],
  [6, 192, 4, 2, 5],
  [6, 320, 1, 1, 3],
] as const;

/** tensorflow/tpu `efficientnet_builder.py`: batch_norm_momentum .99, batch_norm_epsilon 1e-3. */
const BATCH_NORM: BatchNormConstants = { epsilon: 1e-3, momentum: 0.99 };

/**
 * EfficientNet-Lite0 (tensorflow/tpu `models/official/efficientnet/lite`): EfficientNet-B0 without squeeze-and-excite,
 * with ReLU6 for swish, TensorFlow's SAME padding, stem and top of fixed width. The drop-connect of its ImageNet
 * training is left out. Blocks: `backbone/stem`, `backbone/blocks.0` … `.15`, `backbone/top`; 49 convolutions, features
 * [h/32, w/32, 1280].
 */
export function efficientnetLite0(): Backbone {
  const shared = { padding: 'same', batchNorm: BATCH_NORM } as const;
  const stem = { name: 'backbone/stem', inChannels: 3, outChannels: 32, kernelPx: 3, stride: 2 };
  const blocks = [convBnBlock({ ...shared, ...stem, activation: 'relu6' })];
  const strides: number[] = [2];
  let inChannels = 32;
  for (const [expansion, outChannels, repeats, firstStride, kernelPx] of STAGES) {
    for (let repeat = 0; repeat < repeats; repeat++) {
      const name = `backbone/blocks.${blocks.length - 1}`;
      const stride = repeat === 0 ? firstStride : 1;
      const sizes = { inChannels, outChannels, hidden: inChannels * expansion, kernelPx, stride };
      blocks.push(invertedResidual({ ...shared, name, ...sizes, activation: 'relu6' }));
      strides.push(stride);
      inChannels = outChannels;
    }
  }
  const top = { name: 'backbone/top', inChannels, outChannels: 1280, kernelPx: 1, stride: 1 };
  blocks.push(convBnBlock({ ...shared, ...top, activation: 'relu6' }));
  strides.push(1);
  return {
    id: 'efficientnet-lite0',
    blocks,
    cutPoints: cutAfterEach(blocks, strides),
    featureChannels: 1280,
    defaultSizePx: 224,
    minimumSizePx: 32,
    preprocessing: minus127Over128,
    defaultDropout: 0.2,
    provenance: { source: 'tensorflow/tpu efficientnet/lite', publishedParameters: 4_652_008 },
  };
}
