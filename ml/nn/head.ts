import * as tf from '@tensorflow/tfjs';
import { glorotUniform, zeros } from './initialize.ts';
import type { Block, ParamSpec } from './module.ts';
import { dropout } from './ops/dropout.ts';

export interface ClassificationHeadOptions {
  /** Channels of the feature map that it takes. */
  readonly channels: number;
  readonly classes: number;
  /** Rate in [0, 1); 0 leaves the block out. */
  readonly dropout: number;
}

/** Names of the head's parameters: what is left out when weights of a backbone alone are loaded. */
export const HEAD_PREFIX = 'head/';

/**
 * Global average pooling ([batch, height, width, channels] → [batch, channels]), dropout, and a dense layer with bias
 * to logits [batch, classes]: blocks `head/pool`, `head/dropout`, `head/logits`.
 */
export function classificationHead(options: ClassificationHeadOptions): readonly Block[] {
  const { channels, classes, dropout: rate } = options;
  if (!Number.isInteger(classes) || classes < 1) throw new Error(`${classes} classes`);
  const pool: Block = {
    name: `${HEAD_PREFIX}pool`,
    params: [],
    layers: 0,
    outChannels: channels,
    apply: (x) => (x.rank === 4 ? tf.mean(x, [1, 2]) : x.clone()),
  };
  const drop: Block = {
    name: `${HEAD_PREFIX}dropout`,
    params: [],
    layers: 0,
    outChannels: channels,
    apply: (x, ctx) => (ctx.training ? dropout(x, rate, ctx.dropoutSeed(`${HEAD_PREFIX}dropout`)) : x.clone()),
  };
  return [pool, ...(rate > 0 ? [drop] : []), dense(`${HEAD_PREFIX}logits`, channels, classes)];
}

/** x · kernel + bias: [batch, in] → [batch, out]. */
function dense(name: string, inFeatures: number, outFeatures: number): Block {
  const kernel: ParamSpec = {
    name: `${name}/kernel`,
    shape: [inFeatures, outFeatures],
    init: glorotUniform(inFeatures, outFeatures),
    kind: 'weight',
    decay: true,
  };
  const bias: ParamSpec = { name: `${name}/bias`, shape: [outFeatures], init: zeros, kind: 'weight', decay: false };
  return {
    name,
    params: [kernel, bias],
    layers: 1,
    outChannels: outFeatures,
    apply: (x, ctx) => tf.add(tf.matMul(x, ctx.param(kernel.name)), ctx.param(bias.name)),
  };
}
