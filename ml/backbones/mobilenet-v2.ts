import type { BatchNormConstants } from '../nn/conv-bn.ts';
import { convBnBlock, invertedResidual } from '../nn/inverted-residual.ts';
import type { Padding } from '../nn/ops/conv.ts';
import { imagenetMeanStd, minus1To1 } from '../nn/preprocessing.ts';
import type { Backbone } from './backbone.ts';
import { cutAfterEach } from './backbone.ts';

/** Table 2 of the paper: [expansion, channels, repeats, stride of the first]. */
const STAGES = [
  [1, 16, 1, 1],
  [6, 24, 2, 2],
  [6, 32, 3, 2],
  [6, 64, 4, 2],
  [6, 96, 3, 1],
  [6, 160, 3, 2],
  [6, 320, 1, 1],
] as const;

/** In what the two forms differ. */
interface Form {
  readonly padding: Padding;
  readonly batchNorm: BatchNormConstants;
}

/** The parts that the two forms share. */
type Trunk = Omit<Backbone, 'id' | 'preprocessing' | 'provenance'>;

/**
 * MobileNetV2 1.0 (Sandler et al. 1801.04381) in torchvision's form (torchvision/models/mobilenetv2.py): symmetric padding.
 * PyTorch's BatchNorm2d defaults: eps 1e-5, momentum .1, which is .9 in TensorFlow's sense.
 */
export function mobilenetV2(): Backbone {
  return {
    id: 'mobilenet-v2',
    ...trunk({ padding: 'symmetric', batchNorm: { epsilon: 1e-5, momentum: 0.9 } }),
    preprocessing: imagenetMeanStd,
    provenance: { source: 'arXiv:1801.04381; torchvision mobilenet_v2', publishedParameters: 3_504_872 },
  };
}

/**
 * MobileNetV2 1.0 in Keras's form (keras/applications/mobilenet_v2.py): TensorFlow's SAME padding (`correct_pad` comes to
 * the same pixels). Weights of one form are noise in the other. Keras counts 3,538,984 values, 34,112 of them statistics.
 */
export function mobilenetV2Keras(): Backbone {
  return {
    id: 'mobilenet-v2-keras',
    ...trunk({ padding: 'same', batchNorm: { epsilon: 1e-3, momentum: 0.999 } }),
    preprocessing: minus1To1,
    provenance: { source: 'arXiv:1801.04381; keras.applications MobileNetV2', publishedParameters: 3_504_872 },
  };
}

/** Blocks `backbone/stem`, `backbone/blocks.0` … `.16`, `backbone/top`; 52 convolutions, features [h/32, w/32, 1280]. */
function trunk(form: Form): Trunk {
  const stem = { name: 'backbone/stem', inChannels: 3, outChannels: 32, kernelPx: 3, stride: 2 };
  const blocks = [convBnBlock({ ...form, ...stem, activation: 'relu6' })];
  const strides: number[] = [2];
  let inChannels = 32;
  for (const [expansion, outChannels, repeats, firstStride] of STAGES) {
    for (let repeat = 0; repeat < repeats; repeat++) {
      const name = `backbone/blocks.${blocks.length - 1}`;
      const stride = repeat === 0 ? firstStride : 1;
      const sizes = { inChannels, outChannels, hidden: inChannels * expansion, kernelPx: 3, stride };
      blocks.push(invertedResidual({ ...form, name, ...sizes, activation: 'relu6' }));
      strides.push(stride);
      inChannels = outChannels;
    }
  }
  const top = { name: 'backbone/top', inChannels, outChannels: 1280, kernelPx: 1, stride: 1 };
  blocks.push(convBnBlock({ ...form, ...top, activation: 'relu6' }));
  strides.push(1);
  return {
    blocks,
    cutPoints: cutAfterEach(blocks, strides),
    featureChannels: 1280,
    defaultSizePx: 224,
    minimumSizePx: 32,
    defaultDropout: 0.2,
  };
}
