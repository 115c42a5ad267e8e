import * as tf from '@tensorflow/tfjs';
import { convBias } from './conv-bias.ts';
import type { Layer } from './conv-bn.ts';
import type { Activation } from './ops/activation.ts';

export interface SqueezeExciteOptions {
  readonly name: string;
  readonly channels: number;
  /** Channels between the two convolutions. */
  readonly squeezed: number;
  /** After the first convolution; after the second one comes `gate`. */
  readonly activation: Activation;
  readonly gate: Activation;
}

/**
 * Hu et al. 1709.01507: a factor for each channel, from the means of all channels, by two 1×1 convolutions with bias.
 * Layers `<name>/reduce` and `<name>/expand`.
 */
export function squeezeExcite(options: SqueezeExciteOptions): Layer {
  const { name, channels, squeezed, activation, gate } = options;
  const shared = { kernelPx: 1, stride: 1, padding: 'same' } as const;
  const down = { name: `${name}/reduce`, inChannels: channels, outChannels: squeezed };
  const up = { name: `${name}/expand`, inChannels: squeezed, outChannels: channels };
  const reduce = convBias({ ...shared, ...down, activation });
  const expand = convBias({ ...shared, ...up, activation: gate });
  return {
    params: [...reduce.params, ...expand.params],
    apply(x, ctx, blockName) {
      const means = tf.mean(x, [1, 2], true);
      return tf.mul(x, expand.apply(reduce.apply(means, ctx, blockName), ctx, blockName));
    },
  };
}
