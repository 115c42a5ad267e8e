import * as tf from '@tensorflow/tfjs';
import type { BatchNormConstants, Layer } from './conv-bn.ts';
import { convBn } from './conv-bn.ts';
import type { Block } from './module.ts';
import { activate } from './ops/activation.ts';

export interface BottleneckOptions {
  readonly name: string;
  readonly inChannels: number;
  /** Channels of the first two convolutions; a quarter of what the block gives out. */
  readonly width: number;
  readonly stride: number;
  /** Which convolution takes the stride: the first 1×1 (the paper) or the 3×3 ("v1.5"). */
  readonly strideOn: 'reduce' | 'spatial';
  /** Whether convolutions have a bias before BatchNorm. */
  readonly bias: boolean;
  readonly batchNorm: BatchNormConstants;
}

/** Width of the output as a multiple of the bottleneck's. */
const EXPANSION = 4;

/**
 * He et al. 1512.03385, figure 5 right: 1×1 to `width`, 3×3, 1×1 to 4 · `width`, BatchNorm after each and ReLU after the
 * first two; then the input is added, through a 1×1 convolution where its shape differs (option B), and ReLU follows.
 * Layers: `<name>/reduce`, `<name>/spatial`, `<name>/expand`, `<name>/shortcut`.
 */
export function bottleneck(options: BottleneckOptions): Block {
  const { name, inChannels, width, stride, strideOn, bias, batchNorm } = options;
  const outChannels = width * EXPANSION;
  const layer = (short: string, from: number, to: number, kernelPx: number, step: number, linear: boolean): Layer =>
    convBn({
      ...{ name: `${name}/${short}`, inChannels: from, outChannels: to, kernelPx, stride: step },
      ...{ padding: 'symmetric', bias, batchNorm, activation: linear ? 'linear' : 'relu' },
    });
  const branch = [
    layer('reduce', inChannels, width, 1, strideOn === 'reduce' ? stride : 1, false),
    layer('spatial', width, width, 3, strideOn === 'spatial' ? stride : 1, false),
    layer('expand', width, outChannels, 1, 1, true),
  ];
  const shortcut =
    stride === 1 && inChannels === outChannels ? null : layer('shortcut', inChannels, outChannels, 1, stride, true);
  const layers = shortcut ? [...branch, shortcut] : branch;
  return {
    name,
    params: layers.flatMap(({ params }) => params),
    layers: layers.length,
    outChannels,
    apply(x, ctx) {
      const y = branch.reduce((value, part) => part.apply(value, ctx, name), x);
      return activate(tf.add(y, shortcut ? shortcut.apply(x, ctx, name) : x), 'relu');
    },
  };
}
