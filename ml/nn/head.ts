import * as tf from '@tensorflow/tfjs';
import type { HeadLayer } from '../../core/training/model-description.ts';
import { glorotUniform, zeros } from './initialize.ts';
import type { Block, ParamSpec } from './module.ts';
import { dropout } from './ops/dropout.ts';

export interface ClassificationHeadOptions {
  /** Channels of the feature map that it takes. */
  readonly channels: number;
  readonly classes: number;
  /** Rate in [0, 1); 0 leaves the block out. */
  readonly dropout: number;
  /** Layers between the pooled features and the last dense one. */
  readonly layers?: readonly HeadLayer[] | undefined;
}

/** Names of the head's parameters: what is left out when weights of a backbone alone are loaded. */
export const HEAD_PREFIX = 'head/';

/**
 * Global average pooling ([batch, height, width, channels] → [batch, channels]), layers of one's own, dropout, and a dense
 * layer with bias to logits [batch, classes]: blocks `head/pool`, `head/1` …, `head/dropout`, `head/logits`.
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
  const own = ownLayers(channels, options.layers ?? []);
  const width = own.at(-1)?.outChannels ?? channels;
  return [
    ...[pool, ...own],
    ...(rate > 0 ? [dropping(`${HEAD_PREFIX}dropout`, rate, width)] : []),
    dense(`${HEAD_PREFIX}logits`, width, classes),
  ];
}

/** `head/1`, `head/1/dropout`, `head/2` … */
function ownLayers(channels: number, layers: readonly HeadLayer[]): Block[] {
  let width = channels;
  return layers.flatMap(({ dense: values, activation, dropout: rate }, index) => {
    const name = `${HEAD_PREFIX}${index + 1}`;
    const layer = dense(name, width, values);
    const apply: Block['apply'] = (x, ctx) => activated(activation, layer.apply(x, ctx));
    width = values;
    return [{ ...layer, apply }, ...(rate > 0 ? [dropping(`${name}/dropout`, rate, values)] : [])];
  });
}

function activated(activation: HeadLayer['activation'], x: tf.Tensor): tf.Tensor {
  switch (activation) {
    case 'relu':
      return tf.relu(x);
    case 'relu6':
      return tf.relu6(x);
    case 'tanh':
      return tf.tanh(x);
    case 'linear':
      return x;
  }
}

function dropping(name: string, rate: number, width: number): Block {
  return {
    ...{ name, params: [], layers: 0, outChannels: width },
    apply: (x, ctx) => (ctx.training ? dropout(x, rate, ctx.dropoutSeed(name)) : x.clone()),
  };
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
