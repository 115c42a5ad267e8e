import type { Layer } from './conv-bn.ts';
import { heFanOut, zeros } from './initialize.ts';
import type { ParamSpec } from './module.ts';
import type { Activation } from './ops/activation.ts';
import { activate } from './ops/activation.ts';
import { biasAdd } from './ops/bias-add.ts';
import type { Padding } from './ops/conv.ts';
import { conv } from './ops/conv.ts';

export interface ConvBiasOptions {
  /** Full name: `backbone/block1/conv1`. */
  readonly name: string;
  readonly inChannels: number;
  readonly outChannels: number;
  /** Side of the square kernel. */
  readonly kernelPx: number;
  readonly stride: number;
  readonly padding: Padding;
  readonly activation: Activation;
}

/** Convolution, bias, activation, without BatchNorm: `<name>/kernel` and `<name>/bias`. */
export function convBias(options: ConvBiasOptions): Layer {
  const { name, inChannels, outChannels, kernelPx, stride, padding, activation } = options;
  const shape = [kernelPx, kernelPx, inChannels, outChannels];
  const init = heFanOut(kernelPx, kernelPx, outChannels);
  const kernel: ParamSpec = { name: `${name}/kernel`, shape, init, kind: 'weight', decay: true };
  const bias: ParamSpec = { name: `${name}/bias`, shape: [outChannels], init: zeros, kind: 'weight', decay: false };
  return {
    params: [kernel, bias],
    apply(x, ctx) {
      const y = conv(x, ctx.param(kernel.name), { stride, padding, depthwise: false });
      return activate(biasAdd(y, ctx.param(bias.name)), activation);
    },
  };
}
