import * as tf from '@tensorflow/tfjs';
import type { BatchNormConstants, Layer } from './conv-bn.ts';
import { convBn } from './conv-bn.ts';
import type { Block } from './module.ts';
import type { Padding } from './ops/conv.ts';

export interface InvertedResidualOptions {
  readonly name: string;
  readonly inChannels: number;
  readonly outChannels: number;
  /** Width of the depthwise layer as a multiple of `inChannels`; 1 leaves the expansion out. */
  readonly expansion: number;
  /** Side of the depthwise kernel. */
  readonly kernelPx: number;
  readonly stride: number;
  readonly padding: Padding;
  readonly batchNorm: BatchNormConstants;
}

/**
 * Sandler et al. 1801.04381, figure 4(d): 1×1 expansion, depthwise convolution, linear 1×1 projection, with ReLU6 after
 * the first two; the input is added where stride and channels allow.
 */
export function invertedResidual(options: InvertedResidualOptions): Block {
  const { name, inChannels, outChannels, expansion, kernelPx, stride, padding, batchNorm } = options;
  const hidden = inChannels * expansion;
  const common = { padding, batchNorm };
  const layers: Layer[] = [];
  if (expansion !== 1) {
    const expand = { name: `${name}/expand`, inChannels, outChannels: hidden, kernelPx: 1, stride: 1 };
    layers.push(convBn({ ...common, ...expand, activation: 'relu6' }));
  }
  const depthwise = { name: `${name}/depthwise`, inChannels: hidden, outChannels: hidden, kernelPx, stride };
  layers.push(convBn({ ...common, ...depthwise, depthwise: true, activation: 'relu6' }));
  const project = { name: `${name}/project`, inChannels: hidden, outChannels, kernelPx: 1, stride: 1 };
  layers.push(convBn({ ...common, ...project, activation: 'linear' }));
  const residual = stride === 1 && inChannels === outChannels;
  return {
    name,
    params: layers.flatMap((layer) => layer.params),
    layers: layers.length,
    outChannels,
    apply(x, ctx) {
      const y = layers.reduce((value, layer) => layer.apply(value, ctx, name), x);
      return residual ? tf.add(y, x) : y;
    },
  };
}

/** One convolution with BatchNorm as a block of its own: stems and tops. */
export function convBnBlock(options: Parameters<typeof convBn>[0]): Block {
  const layer = convBn(options);
  const { name, outChannels } = options;
  return { name, params: layer.params, layers: 1, outChannels, apply: (x, ctx) => layer.apply(x, ctx, name) };
}
