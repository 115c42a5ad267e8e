import { convBn } from '../nn/conv-bn.ts';
import type { ConvBnOptions } from '../nn/conv-bn.ts';
import type { Block } from '../nn/module.ts';
import { minus1To1 } from '../nn/preprocessing.ts';
import type { Backbone, CutPoint } from './backbone.ts';

/** [name, out channels, stride] of each block. */
const BLOCKS = [
  ['conv1', 16, 2],
  ['conv2', 24, 2],
  ['conv3', 32, 2],
  ['conv4', 32, 1],
] as const;

/** Four 3×3 convolutions with BatchNorm and ReLU, about 20,000 weights: for tests and for trying things out. No trained weights exist. */
export function tinyCnn(): Backbone {
  const blocks: Block[] = [];
  const cutPoints: CutPoint[] = [];
  let inChannels = 3;
  let stridePx = 1;
  for (const [index, [short, outChannels, stride]] of BLOCKS.entries()) {
    const name = `backbone/${short}`;
    blocks.push(convBlock(name, inChannels, outChannels, stride));
    stridePx *= stride;
    cutPoints.push({ name: short, afterBlock: index, stridePx, channels: outChannels });
    inChannels = outChannels;
  }
  return {
    id: 'tiny-cnn',
    blocks,
    cutPoints,
    featureChannels: inChannels,
    defaultSizePx: 32,
    minimumSizePx: 16,
    preprocessing: minus1To1,
    defaultDropout: 0,
    provenance: { source: 'graft', publishedParameters: null },
  };
}

function convBlock(name: string, inChannels: number, outChannels: number, stride: number): Block {
  const options: ConvBnOptions = {
    name,
    inChannels,
    outChannels,
    kernelPx: 3,
    stride,
    padding: 'same',
    activation: 'relu',
    batchNorm: { epsilon: 1e-3, momentum: 0.9 },
  };
  const layer = convBn(options);
  return { name, params: layer.params, layers: 1, outChannels, apply: (x, ctx) => layer.apply(x, ctx, name) };
}
