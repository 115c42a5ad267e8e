import type { BranchStep } from '../nn/branches.ts';
import { average, branches, conv, fork, validConv, validMax } from '../nn/branches.ts';
import type { Block } from '../nn/module.ts';
import { minus1To1 } from '../nn/preprocessing.ts';
import type { Backbone } from './backbone.ts';
import { cutAfterEach } from './backbone.ts';

type Branches = readonly (readonly BranchStep[])[];

/** Figure 5 of the paper, with one 5×5: 35 × 35 cells at 299 pixels. */
const grid35 = (pooled: number): Branches => [
  [conv(64, 1)],
  [conv(48, 1), conv(64, 5)],
  [conv(64, 1), conv(96, 3), conv(96, 3)],
  [average, conv(pooled, 1)],
];

/** Figure 6, n = 7: 17 × 17 cells. */
const grid17 = (inner: number): Branches => [
  [conv(192, 1)],
  [conv(inner, 1), conv(inner, [1, 7]), conv(192, [7, 1])],
  [conv(inner, 1), conv(inner, [7, 1]), conv(inner, [1, 7]), conv(inner, [7, 1]), conv(192, [1, 7])],
  [average, conv(192, 1)],
];

/** Figure 7: 8 × 8 cells. */
const grid8: Branches = [
  [conv(320, 1)],
  [conv(384, 1), fork(conv(384, [1, 3]), conv(384, [3, 1]))],
  [conv(448, 1), conv(384, 3), fork(conv(384, [1, 3]), conv(384, [3, 1]))],
  [average, conv(192, 1)],
];

const to17: Branches = [[validConv(384, 3, 2)], [conv(64, 1), conv(96, 3), validConv(96, 3, 2)], [validMax]];

const to8: Branches = [
  [conv(192, 1), validConv(320, 3, 2)],
  [conv(192, 1), conv(192, [1, 7]), conv(192, [7, 1]), validConv(192, 3, 2)],
  [validMax],
];

/** [name, stride, branches]; the stem's pooling ends its blocks. */
const BLOCKS: readonly (readonly [string, number, Branches])[] = [
  ['stem1', 4, [[validConv(32, 3, 2), validConv(32, 3, 1), conv(64, 3), validMax]]],
  ['stem2', 2, [[validConv(80, 1, 1), validConv(192, 3, 1), validMax]]],
  ['mixed0', 1, grid35(32)],
  ['mixed1', 1, grid35(64)],
  ['mixed2', 1, grid35(64)],
  ['mixed3', 2, to17],
  ['mixed4', 1, grid17(128)],
  ['mixed5', 1, grid17(160)],
  ['mixed6', 1, grid17(160)],
  ['mixed7', 1, grid17(192)],
  ['mixed8', 2, to8],
  ['mixed9', 1, grid8],
  ['mixed10', 1, grid8],
];

/**
 * Inception-v3 (Szegedy et al. 1512.00567) in Keras's form (keras/applications/inception_v3.py), whose convolutions are in
 * this order: BatchNorm without a scale. Blocks under Keras's names; 94 convolutions, features [≈ h/32, ≈ w/32, 2048]:
 * borders are cut off on the way, so 299 pixels give 8 × 8.
 */
export function inceptionV3(): Backbone {
  const blocks: Block[] = [];
  for (const [name, , parts] of BLOCKS) {
    const inChannels = blocks.at(-1)?.outChannels ?? 3;
    const batchNorm = { epsilon: 1e-3, momentum: 0.99, scale: false };
    blocks.push(branches({ name: `backbone/${name}`, inChannels, branches: parts, batchNorm }));
  }
  return {
    id: 'inception-v3',
    blocks,
    cutPoints: cutAfterEach(
      blocks,
      BLOCKS.map(([, stride]) => stride),
    ),
    featureChannels: 2048,
    defaultSizePx: 299,
    minimumSizePx: 75,
    preprocessing: minus1To1,
    defaultDropout: 0.2,
    // Keras counts 23,851,784 values: 34,432 of them are BatchNorm's statistics.
    provenance: { source: 'arXiv:1512.00567; keras.applications InceptionV3', publishedParameters: 23_817_352 },
  };
}
