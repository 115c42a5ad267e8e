import type { BatchNormConstants } from './conv-bn.ts';
import { convBn } from './conv-bn.ts';
import type { Block } from './module.ts';
import type { Padding } from './ops/conv.ts';

export interface DepthwiseSeparableOptions {
  readonly name: string;
  readonly inChannels: number;
  readonly outChannels: number;
  readonly stride: number;
  readonly padding: Padding;
  readonly batchNorm: BatchNormConstants;
}

/** Howard et al. 1704.04861, figure 3 right: 3×3 depthwise, 1×1, BatchNorm and ReLU6 after each. Layers `depthwise`, `pointwise`. */
export function depthwiseSeparable(options: DepthwiseSeparableOptions): Block {
  const { name, inChannels, outChannels, stride, padding, batchNorm } = options;
  const shared = { inChannels, batchNorm, activation: 'relu6' } as const;
  const spatial = { name: `${name}/depthwise`, outChannels: inChannels, kernelPx: 3, stride, padding };
  const depthwise = convBn({ ...shared, ...spatial, depthwise: true });
  const across = { name: `${name}/pointwise`, outChannels, kernelPx: 1, stride: 1, padding: 'same' } as const;
  const pointwise = convBn({ ...shared, ...across });
  return {
    name,
    params: [...depthwise.params, ...pointwise.params],
    layers: 2,
    outChannels,
    apply: (x, ctx) => pointwise.apply(depthwise.apply(x, ctx, name), ctx, name),
  };
}
