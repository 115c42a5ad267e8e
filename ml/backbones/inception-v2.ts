import type { BranchStep } from '../nn/branches.ts';
import { average, branches, conv } from '../nn/branches.ts';
import { heFanOut, zeros } from '../nn/initialize.ts';
import type { Block, ParamSpec } from '../nn/module.ts';
import { activate } from '../nn/ops/activation.ts';
import { biasAdd } from '../nn/ops/bias-add.ts';
import { conv as convolve } from '../nn/ops/conv.ts';
import { minus1To1 } from '../nn/preprocessing.ts';
import type { Backbone } from './backbone.ts';
import { cutAfterEach } from './backbone.ts';

type Branches = readonly (readonly BranchStep[])[];

const halve: BranchStep = { kind: 'max', stride: 2, padding: 'same' };
const halvingConv = (channels: number): BranchStep => ({
  ...{ kind: 'conv', channels, kernelPx: 3, stride: 2, padding: 'same' },
});

/** A module of the paper's figure 5: 1×1; 1×1 and 3×3; 1×1 and 3×3 twice; pooling and 1×1. */
const mixed = (
  single: number,
  [inner, spatial]: readonly [number, number],
  [inner2, twice]: readonly [number, number],
  pooled: number,
  pool: BranchStep = average,
): Branches => [
  [conv(single, 1)],
  [conv(inner, 1), conv(spatial, 3)],
  [conv(inner2, 1), conv(twice, 3), conv(twice, 3)],
  [pool, conv(pooled, 1)],
];

const reduction = (
  [inner, spatial]: readonly [number, number],
  [inner2, twice]: readonly [number, number],
): Branches => [[conv(inner, 1), halvingConv(spatial)], [conv(inner2, 1), conv(twice, 3), halvingConv(twice)], [halve]];

/** [name, stride, branches] behind the stem. */
const BLOCKS: readonly (readonly [string, number, Branches])[] = [
  ['conv2', 4, [[halve, conv(64, 1), conv(192, 3), halve]]],
  ['mixed3b', 1, mixed(64, [64, 64], [64, 96], 32)],
  ['mixed3c', 1, mixed(64, [64, 96], [64, 96], 64)],
  ['mixed4a', 2, reduction([128, 160], [64, 96])],
  ['mixed4b', 1, mixed(224, [64, 96], [96, 128], 128)],
  ['mixed4c', 1, mixed(192, [96, 128], [96, 128], 128)],
  ['mixed4d', 1, mixed(160, [128, 160], [128, 160], 96)],
  ['mixed4e', 1, mixed(96, [128, 192], [160, 192], 96)],
  ['mixed5a', 2, reduction([128, 192], [192, 256])],
  ['mixed5b', 1, mixed(352, [192, 320], [160, 224], 128)],
  ['mixed5c', 1, mixed(352, [192, 320], [192, 224], 128, { kind: 'max', stride: 1, padding: 'same' })],
];

/**
 * Inception-v2 (Ioffe and Szegedy 1502.03167) as SLIM has it (nets/inception_v2.py): SAME padding everywhere, BatchNorm
 * without a scale, and a separable first layer with a bias and no BatchNorm. Blocks under SLIM's names; 70
 * convolutions, features [h/32, w/32, 1024].
 */
export function inceptionV2(): Backbone {
  const blocks = [separableStem()];
  for (const [name, , parts] of BLOCKS) {
    const inChannels = blocks.at(-1)?.outChannels ?? 3;
    const batchNorm = { epsilon: 1e-3, momentum: 0.9997, scale: false };
    blocks.push(branches({ name: `backbone/${name}`, inChannels, branches: parts, batchNorm }));
  }
  return {
    id: 'inception-v2',
    blocks,
    cutPoints: cutAfterEach(blocks, [2, ...BLOCKS.map(([, stride]) => stride)]),
    featureChannels: 1024,
    defaultSizePx: 224,
    minimumSizePx: 32,
    preprocessing: minus1To1,
    defaultDropout: 0.2,
    provenance: { source: 'arXiv:1502.03167; SLIM inception_v2', publishedParameters: null },
  };
}

/** Colors each filtered by `PER_COLOR` kernels of 7×7 by stride 2, then a 1×1 convolution, bias and ReLU. */
function separableStem(): Block {
  const name = 'backbone/stem';
  const outChannels = 64;
  const kernel = (part: string, shape: readonly number[], fanOut: number): ParamSpec => ({
    ...{ name: `${name}/${part}/kernel`, shape, init: heFanOut(shape[0] ?? 1, shape[1] ?? 1, fanOut) },
    ...{ kind: 'weight', decay: true },
  });
  const depthwise = kernel('depthwise', [7, 7, 3, PER_COLOR], 1);
  const pointwise = kernel('pointwise', [1, 1, 3 * PER_COLOR, outChannels], outChannels);
  const bias: ParamSpec = {
    ...{ name: `${name}/pointwise/bias`, shape: [outChannels], init: zeros },
    ...{ kind: 'weight', decay: false },
  };
  return {
    name,
    params: [depthwise, pointwise, bias],
    layers: 2,
    outChannels,
    apply(x, ctx) {
      const colors = convolve(x, ctx.param(depthwise.name), { stride: 2, padding: 'same', depthwise: true });
      const y = convolve(colors, ctx.param(pointwise.name), { stride: 1, padding: 'same', depthwise: false });
      return activate(biasAdd(y, ctx.param(bias.name)), 'relu');
    },
  };
}

/** min(⌊64/3⌋, 8). */
const PER_COLOR = 8;
