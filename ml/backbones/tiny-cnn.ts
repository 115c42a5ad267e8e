import { convBnBlock } from '../nn/inverted-residual.ts';
import type { Block } from '../nn/module.ts';
import { minus1To1 } from '../nn/preprocessing.ts';
import type { Backbone } from './backbone.ts';
import { cutAfterEach } from './backbone.ts';

/** [name, out channels, stride] of each block. */
const BLOCKS = [
  ['conv1', 16, 2],
  ['conv2', 24, 2],
  ['conv3', 32, 2],
  ['conv4', 32, 1],
] as const;

/** Four 3×3 convolutions with BatchNorm and ReLU, 20,224 weights: for tests and for trying things out. No trained weights exist. */
export function tinyCnn(): Backbone {
  const blocks: Block[] = [];
  let inChannels = 3;
  for (const [short, outChannels, stride] of BLOCKS) {
    const shape = { name: `backbone/${short}`, inChannels, outChannels, kernelPx: 3, stride, padding: 'same' } as const;
    blocks.push(convBnBlock({ ...shape, activation: 'relu', batchNorm: { epsilon: 1e-3, momentum: 0.9 } }));
    inChannels = outChannels;
  }
  return {
    id: 'tiny-cnn',
    blocks,
    cutPoints: cutAfterEach(
      blocks,
      BLOCKS.map(([, , stride]) => stride),
    ),
    featureChannels: inChannels,
    defaultSizePx: 32,
    minimumSizePx: 16,
    preprocessing: minus1To1,
    defaultDropout: 0,
    provenance: { source: 'graft', publishedParameters: null },
  };
}
