import { bottleneck } from '../nn/bottleneck.ts';
import type { BatchNormConstants } from '../nn/conv-bn.ts';
import { convBn } from '../nn/conv-bn.ts';
import type { Block } from '../nn/module.ts';
import { maxPool } from '../nn/ops/max-pool.ts';
import { bgrMinusMean, imagenetMeanStd } from '../nn/preprocessing.ts';
import type { Backbone } from './backbone.ts';
import { cutAfterEach } from './backbone.ts';

/** Table 1 of the paper, conv2_x … conv5_x of the 50 layers: [width of the bottleneck, repeats, stride of the first]. */
const STAGES = [
  [64, 3, 1],
  [128, 4, 2],
  [256, 6, 2],
  [512, 3, 2],
] as const;

/** In what the two forms differ. */
interface Form {
  readonly strideOn: 'reduce' | 'spatial';
  readonly bias: boolean;
  readonly batchNorm: BatchNormConstants;
  /** Of the first block of the last stage: 1 in Faster R-CNN, whose crops are small already. */
  readonly lastStride: 1 | 2;
}

/** The parts that the two forms share. */
type Trunk = Pick<
  Backbone,
  'blocks' | 'cutPoints' | 'featureChannels' | 'defaultSizePx' | 'minimumSizePx' | 'defaultDropout'
>;

/**
 * ResNet-50 in torchvision's form (torchvision/models/resnet.py), "v1.5": the stride is on the 3×3 convolution.
 * PyTorch's BatchNorm2d defaults: eps 1e-5, momentum .1, which is .9 in TensorFlow's sense.
 */
export function resnet50V15(lastStride: 1 | 2 = 2): Backbone {
  return {
    id: 'resnet50-v1.5',
    ...trunk({ strideOn: 'spatial', bias: false, batchNorm: { epsilon: 1e-5, momentum: 0.9 }, lastStride }),
    preprocessing: imagenetMeanStd,
    provenance: { source: 'arXiv:1512.03385; torchvision resnet50', publishedParameters: 25_557_032 },
  };
}

/**
 * ResNet-50 in Keras's form (keras/applications/resnet.py): the stride is on the first 1×1 convolution, as in the paper,
 * and convolutions have a bias. Weights of one form are noise in the other. Keras counts 25,636,712 values: 53,120 of
 * them are BatchNorm's statistics.
 */
export function resnet50(lastStride: 1 | 2 = 2): Backbone {
  return {
    id: 'resnet50',
    ...trunk({ strideOn: 'reduce', bias: true, batchNorm: { epsilon: 1.001e-5, momentum: 0.99 }, lastStride }),
    preprocessing: bgrMinusMean,
    provenance: { source: 'arXiv:1512.03385; keras.applications ResNet50', publishedParameters: 25_583_592 },
  };
}

/** Blocks `backbone/stem` (with its pooling) and `backbone/blocks.0` … `.15`; 53 convolutions, features [h/32, w/32, 2048]. */
function trunk(form: Form): Trunk {
  const blocks = [stem(form)];
  const strides: number[] = [4];
  let inChannels = 64;
  for (const [index, [width, repeats, published]] of STAGES.entries()) {
    const firstStride = index === STAGES.length - 1 ? form.lastStride : published;
    for (let repeat = 0; repeat < repeats; repeat++) {
      const name = `backbone/blocks.${blocks.length - 1}`;
      const stride = repeat === 0 ? firstStride : 1;
      const block = bottleneck({ ...form, name, inChannels, width, stride });
      blocks.push(block);
      strides.push(stride);
      inChannels = block.outChannels;
    }
  }
  return {
    blocks,
    cutPoints: cutAfterEach(blocks, strides),
    featureChannels: inChannels,
    defaultSizePx: 224,
    minimumSizePx: 32,
    defaultDropout: 0,
  };
}

/** 7×7 convolution of stride 2, then 3×3 max pooling of stride 2. */
function stem({ bias, batchNorm }: Form): Block {
  const name = 'backbone/stem';
  const shape = { name, inChannels: 3, outChannels: 64, kernelPx: 7, stride: 2, padding: 'symmetric' } as const;
  const layer = convBn({ ...shape, bias, batchNorm, activation: 'relu' });
  return {
    name,
    params: layer.params,
    layers: 1,
    outChannels: 64,
    // Keras pads with zeros before it pools: the same thing after ReLU.
    apply: (x, ctx) => maxPool(layer.apply(x, ctx, name), { windowPx: 3, stride: 2, padding: 'symmetric' }),
  };
}
