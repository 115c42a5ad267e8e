import * as tf from '@tensorflow/tfjs';
import { convBias } from '../nn/conv-bias.ts';
import type { Block } from '../nn/module.ts';
import { maxPool } from '../nn/ops/max-pool.ts';
import { imagenetMeanStd } from '../nn/preprocessing.ts';
import type { Backbone } from './backbone.ts';
import { cutAfterEach } from './backbone.ts';

/** [channels squeezed to, channels expanded to, whether pooling follows] of each fire module. */
const FIRES = [
  [16, 128, false],
  [16, 128, true],
  [32, 256, false],
  [32, 256, true],
  [48, 384, false],
  [48, 384, false],
  [64, 512, false],
  [64, 512, false],
] as const;

const POOL = { windowPx: 3, stride: 2, padding: 'ceil' } as const;

/**
 * SqueezeNet 1.1 (Iandola et al. 1602.07360, and its repository) in torchvision's form (torchvision/models/squeezenet.py):
 * no BatchNorm, pooling that may end beyond the picture. Its classifier is a 1×1 convolution and ReLU before the pooling, as
 * large as the dense layer that graft puts behind it. Blocks `backbone/stem`, `backbone/fire2` … `fire9`, each with the
 * pooling behind it; 25 convolutions, features [h/16, w/16, 512].
 */
export function squeezenet11(): Backbone {
  const blocks = [stem()];
  let inChannels = 64;
  for (const [index, [squeezed, outChannels, pools]] of FIRES.entries()) {
    blocks.push(fire(`backbone/fire${index + 2}`, inChannels, squeezed, outChannels, pools));
    inChannels = outChannels;
  }
  return {
    id: 'squeezenet-1.1',
    blocks,
    cutPoints: cutAfterEach(blocks, [4, ...FIRES.map(([, , pools]) => (pools ? 2 : 1))]),
    featureChannels: inChannels,
    defaultSizePx: 224,
    minimumSizePx: 32,
    preprocessing: imagenetMeanStd,
    defaultDropout: 0.5,
    provenance: { source: 'arXiv:1602.07360; torchvision squeezenet1_1', publishedParameters: 1_235_496 },
  };
}

/** 3×3 convolution of stride 2, then pooling. */
function stem(): Block {
  const name = 'backbone/stem';
  const sizes = { inChannels: 3, outChannels: 64, kernelPx: 3, stride: 2 };
  const layer = convBias({ name, ...sizes, padding: 'valid', activation: 'relu' });
  const apply: Block['apply'] = (x, ctx) => maxPool(layer.apply(x, ctx, name), POOL);
  return { name, params: layer.params, layers: 1, outChannels: 64, apply };
}

/** Figure 1 of the paper: 1×1 to few channels, then 1×1 and 3×3 side by side. Layers `squeeze`, `expand1x1`, `expand3x3`. */
function fire(name: string, inChannels: number, squeezed: number, outChannels: number, pools: boolean): Block {
  const layer = (short: string, from: number, to: number, kernelPx: number) =>
    convBias({
      ...{ name: `${name}/${short}`, inChannels: from, outChannels: to },
      ...{ kernelPx, stride: 1, padding: 'same', activation: 'relu' },
    });
  const squeeze = layer('squeeze', inChannels, squeezed, 1);
  const sides = [layer('expand1x1', squeezed, outChannels / 2, 1), layer('expand3x3', squeezed, outChannels / 2, 3)];
  return {
    name,
    params: [squeeze, ...sides].flatMap(({ params }) => params),
    layers: 3,
    outChannels,
    apply(x, ctx) {
      const few = squeeze.apply(x, ctx, name);
      const y = tf.concat(
        sides.map((side) => side.apply(few, ctx, name)),
        3,
      );
      return pools ? maxPool(y, POOL) : y;
    },
  };
}
