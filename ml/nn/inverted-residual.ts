import * as tf from '@tensorflow/tfjs';
import type { BatchNormConstants, Layer } from './conv-bn.ts';
import { convBn } from './conv-bn.ts';
import type { Block } from './module.ts';
import type { Activation } from './ops/activation.ts';
import type { Padding } from './ops/conv.ts';
import type { SqueezeExciteOptions } from './squeeze-excite.ts';
import { squeezeExcite } from './squeeze-excite.ts';

export interface InvertedResidualOptions {
  readonly name: string;
  readonly inChannels: number;
  readonly outChannels: number;
  /** Channels of the depthwise layer; as many as `inChannels` leave the expansion out. */
  readonly hidden: number;
  /** Side of the depthwise kernel. */
  readonly kernelPx: number;
  readonly stride: number;
  readonly padding: Padding;
  readonly batchNorm: BatchNormConstants;
  /** After the expansion and the depthwise layer. */
  readonly activation: Activation;
  /** Between the depthwise layer and the projection. */
  readonly squeezeExcite?: Pick<SqueezeExciteOptions, 'squeezed' | 'activation' | 'gate'>;
}

/**
 * Sandler et al. 1801.04381, figure 4(d): 1×1 expansion, depthwise convolution, linear 1×1 projection; the input is added
 * where stride and channels allow. With squeeze-and-excite it is MobileNetV3's (1905.02244, figure 4) and EfficientNet's.
 * Layers: `<name>/expand`, `<name>/depthwise`, `<name>/se`, `<name>/project`.
 */
export function invertedResidual(options: InvertedResidualOptions): Block {
  const { name, inChannels, outChannels, hidden, kernelPx, stride, padding, batchNorm, activation } = options;
  const common = { padding, batchNorm };
  const layers: Layer[] = [];
  if (hidden !== inChannels) {
    const expand = { name: `${name}/expand`, inChannels, outChannels: hidden, kernelPx: 1, stride: 1 };
    layers.push(convBn({ ...common, ...expand, activation }));
  }
  const depthwise = { name: `${name}/depthwise`, inChannels: hidden, outChannels: hidden, kernelPx, stride };
  layers.push(convBn({ ...common, ...depthwise, depthwise: true, activation }));
  if (options.squeezeExcite) {
    layers.push(squeezeExcite({ ...options.squeezeExcite, name: `${name}/se`, channels: hidden }));
  }
  const project = { name: `${name}/project`, inChannels: hidden, outChannels, kernelPx: 1, stride: 1 };
  layers.push(convBn({ ...common, ...project, activation: 'linear' }));
  const residual = stride === 1 && inChannels === outChannels;
  const params = layers.flatMap((layer) => layer.params);
  return {
    name,
    params,
    layers: params.filter((spec) => spec.name.endsWith('/kernel')).length,
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
