import { convBnBlock, invertedResidual } from '../nn/inverted-residual.ts';
import { minus1To1 } from '../nn/preprocessing.ts';
import type { Backbone } from './backbone.ts';
import { cutAfterEach } from './backbone.ts';

/** [side of the kernel, hidden channels, channels, squeeze-and-excite, activation, stride]. */
type Row = readonly [number, number, number, boolean, 'relu' | 'hard-swish', number];

/** Table 1 of the paper. */
const LARGE: readonly Row[] = [
  [3, 16, 16, false, 'relu', 1],
  [3, 64, 24, false, 'relu', 2],
  [3, 72, 24, false, 'relu', 1],
  [5, 72, 40, true, 'relu', 2],
  [5, 120, 40, true, 'relu', 1],
  [5, 120, 40, true, 'relu', 1],
  [3, 240, 80, false, 'hard-swish', 2],
  [3, 200, 80, false, 'hard-swish', 1],
  [3, 184, 80, false, 'hard-swish', 1],
  [3, 184, 80, false, 'hard-swish', 1],
  [3, 480, 112, true, 'hard-swish', 1],
  [3, 672, 112, true, 'hard-swish', 1],
  [5, 672, 160, true, 'hard-swish', 2],
  [5, 960, 160, true, 'hard-swish', 1],
  [5, 960, 160, true, 'hard-swish', 1],
];

/** Table 2 of the paper. */
const SMALL: readonly Row[] = [
  [3, 16, 16, true, 'relu', 2],
  [3, 72, 24, false, 'relu', 2],
  [3, 88, 24, false, 'relu', 1],
  [5, 96, 40, true, 'hard-swish', 2],
  [5, 240, 40, true, 'hard-swish', 1],
  [5, 240, 40, true, 'hard-swish', 1],
  [5, 120, 48, true, 'hard-swish', 1],
  [5, 144, 48, true, 'hard-swish', 1],
  [5, 288, 96, true, 'hard-swish', 2],
  [5, 576, 96, true, 'hard-swish', 1],
  [5, 576, 96, true, 'hard-swish', 1],
];

/** Blocks `backbone/blocks.0` … `.14` between `stem` and `top`; features [h/32, w/32, 960]. */
export function mobilenetV3Large(): Backbone {
  return mobilenetV3('mobilenet-v3-large', LARGE, 1280, 5_483_032);
}

/** Blocks `backbone/blocks.0` … `.10` between `stem` and `top`; features [h/32, w/32, 576]. */
export function mobilenetV3Small(): Backbone {
  return mobilenetV3('mobilenet-v3-small', SMALL, 1024, 2_542_856);
}

/**
 * MobileNetV3 1.0 (Howard et al. 1905.02244) in Keras's form (keras/applications/mobilenet_v3.py): SAME padding, Keras's
 * rescaling to −1…1 outside of the network. The 1×1 convolution to `lastChannels` behind the pooling belongs to the
 * published classifier and is left out with it.
 */
function mobilenetV3(
  id: 'mobilenet-v3-large' | 'mobilenet-v3-small',
  rows: readonly Row[],
  lastChannels: number,
  publishedParameters: number,
): Backbone {
  const shared = { padding: 'same', batchNorm: { epsilon: 1e-3, momentum: 0.999 } } as const;
  const stem = { name: 'backbone/stem', inChannels: 3, outChannels: 16, kernelPx: 3, stride: 2 };
  const blocks = [convBnBlock({ ...shared, ...stem, activation: 'hard-swish' })];
  let inChannels = 16;
  for (const [index, [kernelPx, hidden, outChannels, squeezes, activation, stride]] of rows.entries()) {
    const sizes = { name: `backbone/blocks.${index}`, inChannels, outChannels, hidden, kernelPx, stride };
    const gate = { squeezed: divisibleBy8(hidden / 4), activation: 'relu', gate: 'hard-sigmoid' } as const;
    blocks.push(invertedResidual({ ...shared, ...sizes, activation, ...(squeezes ? { squeezeExcite: gate } : {}) }));
    inChannels = outChannels;
  }
  const outChannels = inChannels * 6;
  const top = { name: 'backbone/top', inChannels, outChannels, kernelPx: 1, stride: 1 };
  blocks.push(convBnBlock({ ...shared, ...top, activation: 'hard-swish' }));
  return {
    id,
    blocks,
    cutPoints: cutAfterEach(blocks, [2, ...rows.map((row) => row[5]), 1]),
    featureChannels: outChannels,
    defaultSizePx: 224,
    minimumSizePx: 32,
    preprocessing: minus1To1,
    defaultDropout: 0.2,
    provenance: {
      source: `arXiv:1905.02244; keras.applications ${id === 'mobilenet-v3-large' ? 'MobileNetV3Large' : 'MobileNetV3Small'}`,
      publishedParameters,
      classifierParameters: outChannels * lastChannels + lastChannels + lastChannels * 1000 + 1000,
    },
  };
}

/** The nearest multiple of 8, the next where that is more than a tenth below (keras/applications/mobilenet_v3.py `_depth`). */
function divisibleBy8(channels: number): number {
  const nearest = Math.max(8, Math.floor((channels + 4) / 8) * 8);
  return nearest < 0.9 * channels ? nearest + 8 : nearest;
}
