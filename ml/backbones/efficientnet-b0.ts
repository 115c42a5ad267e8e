import { convBnBlock, invertedResidual } from '../nn/inverted-residual.ts';
import { imagenetMeanStd } from '../nn/preprocessing.ts';
import type { Backbone } from './backbone.ts';
import { cutAfterEach } from './backbone.ts';

/** Table 1 of the paper: [expansion, channels, repeats, stride of the first, side of the kernel]. */
const STAGES = [
  [1, 16, 1, 1, 3],
  [6, 24, 2, 2, 3],
  [6, 40, 2, 2, 5],
  [6, 80, 3, 2, 3],
  [6, 112, 3, 1, 5],
  [6, 192, 4, 2, 5],
  [6, 320, 1, 1, 3],
] as const;

/**
 * EfficientNet-B0 (Tan and Le 1905.11946) in Keras's form (keras/applications/efficientnet.py), with SAME padding. Keras
 * normalizes inside of the network; here that is the preprocessing. The drop-connect of its ImageNet training is left out.
 * Blocks `backbone/stem`, `backbone/blocks.0` … `.15`, `backbone/top`; 81 convolutions, features [h/32, w/32, 1280].
 */
export function efficientnetB0(): Backbone {
  const shared = { padding: 'same', batchNorm: { epsilon: 1e-3, momentum: 0.99 }, activation: 'swish' } as const;
  const blocks = [
    convBnBlock({ ...shared, name: 'backbone/stem', inChannels: 3, outChannels: 32, kernelPx: 3, stride: 2 }),
  ];
  const strides: number[] = [2];
  let inChannels = 32;
  for (const [expansion, outChannels, repeats, firstStride, kernelPx] of STAGES) {
    for (let repeat = 0; repeat < repeats; repeat++) {
      const name = `backbone/blocks.${blocks.length - 1}`;
      const stride = repeat === 0 ? firstStride : 1;
      const sizes = { inChannels, outChannels, hidden: inChannels * expansion, kernelPx, stride };
      // A quarter of what comes into the block, not of what is squeezed.
      const squeezeExcite = { squeezed: Math.floor(inChannels / 4), activation: 'swish', gate: 'sigmoid' } as const;
      blocks.push(invertedResidual({ ...shared, name, ...sizes, squeezeExcite }));
      strides.push(stride);
      inChannels = outChannels;
    }
  }
  blocks.push(convBnBlock({ ...shared, name: 'backbone/top', inChannels, outChannels: 1280, kernelPx: 1, stride: 1 }));
  strides.push(1);
  return {
    id: 'efficientnet-b0',
    blocks,
    cutPoints: cutAfterEach(blocks, strides),
    featureChannels: 1280,
    defaultSizePx: 224,
    minimumSizePx: 32,
    preprocessing: imagenetMeanStd,
    defaultDropout: 0.2,
    provenance: { source: 'arXiv:1905.11946; keras.applications EfficientNetB0', publishedParameters: 5_288_548 },
  };
}
