import type { MobilenetV1Id } from '../../core/backbone-facts.ts';
import { depthwiseSeparable } from '../nn/depthwise-separable.ts';
import { convBnBlock } from '../nn/inverted-residual.ts';
import { minus1To1 } from '../nn/preprocessing.ts';
import type { Backbone } from './backbone.ts';
import { cutAfterEach } from './backbone.ts';

/** Table 1 of the paper: [channels, stride] of each depthwise separable block, behind a 3×3 convolution to 32. */
const BLOCKS = [
  [64, 1],
  [128, 2],
  [128, 1],
  [256, 2],
  [256, 1],
  [512, 2],
  [512, 1],
  [512, 1],
  [512, 1],
  [512, 1],
  [512, 1],
  [1024, 2],
  [1024, 1],
] as const;

/** Width multiplier (α in the paper, §3.3) and published size by name. */
const WIDTHS: Readonly<Record<MobilenetV1Id, readonly [width: number, publishedParameters: number]>> = {
  'mobilenet-v1': [1, 4_231_976],
  'mobilenet-v1-0.75': [0.75, 2_585_560],
  'mobilenet-v1-0.5': [0.5, 1_331_592],
  'mobilenet-v1-0.25': [0.25, 470_072],
};

/**
 * MobileNetV1 (Howard et al. 1704.04861) in Keras's form (keras/applications/mobilenet.py): a block of stride 2 pads one
 * pixel below and right whatever the size, where SLIM pads as TensorFlow's SAME does (`halving: 'same'`): on odd sides the
 * two differ, and detectors are SLIM's. Blocks
 * `backbone/stem`, `backbone/blocks.0` … `.12`; 27 convolutions, features [h/32, w/32, 1024 · width].
 */
export function mobilenetV1(id: MobilenetV1Id, halving: 'after' | 'same' = 'after'): Backbone {
  const [width, publishedParameters] = WIDTHS[id];
  const batchNorm = { epsilon: 1e-3, momentum: 0.99 };
  let inChannels = Math.floor(32 * width);
  const stem = { name: 'backbone/stem', inChannels: 3, outChannels: inChannels, kernelPx: 3, stride: 2 };
  const blocks = [convBnBlock({ ...stem, padding: 'same', activation: 'relu6', batchNorm })];
  for (const [index, [channels, stride]] of BLOCKS.entries()) {
    const outChannels = Math.floor(channels * width);
    const padding = stride === 1 ? 'same' : halving;
    const name = `backbone/blocks.${index}`;
    blocks.push(depthwiseSeparable({ name, inChannels, outChannels, stride, padding, batchNorm }));
    inChannels = outChannels;
  }
  return {
    id,
    blocks,
    cutPoints: cutAfterEach(blocks, [2, ...BLOCKS.map(([, stride]) => stride)]),
    featureChannels: inChannels,
    defaultSizePx: 224,
    minimumSizePx: 32,
    preprocessing: minus1To1,
    defaultDropout: 0.001,
    provenance: { source: `arXiv:1704.04861; keras.applications MobileNet, alpha ${width}`, publishedParameters },
  };
}
