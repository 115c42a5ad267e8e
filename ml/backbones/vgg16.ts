import { convBias } from '../nn/conv-bias.ts';
import type { Block } from '../nn/module.ts';
import { maxPool } from '../nn/ops/max-pool.ts';
import { bgrMinusMean } from '../nn/preprocessing.ts';
import type { Backbone } from './backbone.ts';
import { cutAfterEach } from './backbone.ts';

/** Configuration D of the paper's table 1: [channels, convolutions]; 2×2 pooling ends each block. */
const STAGES = [
  [64, 2],
  [128, 2],
  [256, 3],
  [512, 3],
  [512, 3],
] as const;

/**
 * VGG16 (Simonyan and Zisserman 1409.1556) without its three dense layers, which fix the size of the picture and hold 124 of
 * its 138 million weights (keras/applications/vgg16.py). Blocks `backbone/block1` … `block5`, with layers `conv1` …; 13
 * convolutions, features [h/32, w/32, 512].
 */
export function vgg16(): Backbone {
  let inChannels = 3;
  const blocks: Block[] = STAGES.map(([channels, convolutions], stage) => {
    const block = convolutionsAndPool(`backbone/block${stage + 1}`, inChannels, channels, convolutions);
    inChannels = channels;
    return block;
  });
  return {
    id: 'vgg16',
    blocks,
    cutPoints: cutAfterEach(
      blocks,
      STAGES.map(() => 2),
    ),
    featureChannels: 512,
    defaultSizePx: 224,
    minimumSizePx: 32,
    preprocessing: bgrMinusMean,
    defaultDropout: 0.5,
    provenance: {
      source: 'arXiv:1409.1556; keras.applications VGG16',
      publishedParameters: 138_357_544,
      // fc1 and fc2 of 4096, then 1000 classes.
      classifierParameters: 512 * 7 * 7 * 4096 + 4096 + 4096 * 4096 + 4096 + 4096 * 1000 + 1000,
    },
  };
}

function convolutionsAndPool(name: string, inChannels: number, outChannels: number, convolutions: number): Block {
  const shared = { kernelPx: 3, stride: 1, padding: 'same', activation: 'relu', outChannels } as const;
  const layers = Array.from({ length: convolutions }, (_, index) =>
    convBias({ ...shared, name: `${name}/conv${index + 1}`, inChannels: index === 0 ? inChannels : outChannels }),
  );
  return {
    name,
    params: layers.flatMap(({ params }) => params),
    layers: convolutions,
    outChannels,
    apply(x, ctx) {
      const y = layers.reduce((value, layer) => layer.apply(value, ctx, name), x);
      return maxPool(y, { windowPx: 2, stride: 2, padding: 'valid' });
    },
  };
}
