import type { BranchStep } from '../nn/branches.ts';
import { average, branches, conv, fork, validConv, validMax } from '../nn/branches.ts';
import type { Block } from '../nn/module.ts';
import { minus1To1 } from '../nn/preprocessing.ts';
import type { Backbone } from './backbone.ts';
import { cutAfterEach } from './backbone.ts';

type Branches = readonly (readonly BranchStep[])[];

/** Figure 4 of the paper. */
const inceptionA: Branches = [
  [conv(96, 1)],
  [conv(64, 1), conv(96, 3)],
  [conv(64, 1), conv(96, 3), conv(96, 3)],
  [average, conv(96, 1)],
];

/** Figure 5. */
const inceptionB: Branches = [
  [conv(384, 1)],
  [conv(192, 1), conv(224, [1, 7]), conv(256, [7, 1])],
  [conv(192, 1), conv(192, [7, 1]), conv(224, [1, 7]), conv(224, [7, 1]), conv(256, [1, 7])],
  [average, conv(128, 1)],
];

/** Figure 6. */
const inceptionC: Branches = [
  [conv(256, 1)],
  [conv(384, 1), fork(conv(256, [1, 3]), conv(256, [3, 1]))],
  [conv(384, 1), conv(448, [3, 1]), conv(512, [1, 3]), fork(conv(256, [1, 3]), conv(256, [3, 1]))],
  [average, conv(256, 1)],
];

/** Figure 7 with k = 192, l = 224, m = 256, n = 384 (table 1). */
const reductionA: Branches = [[validConv(384, 3, 2)], [conv(192, 1), conv(224, 3), validConv(256, 3, 2)], [validMax]];

/** Figure 8. */
const reductionB: Branches = [
  [conv(192, 1), validConv(192, 3, 2)],
  [conv(256, 1), conv(256, [1, 7]), conv(320, [7, 1]), validConv(320, 3, 2)],
  [validMax],
];

/** [name, stride, branches]: figure 3, then figure 9. */
const BLOCKS: readonly (readonly [string, number, Branches])[] = [
  ['stem', 2, [[validConv(32, 3, 2), validConv(32, 3, 1), conv(64, 3)]]],
  ['mixed3a', 2, [[validMax], [validConv(96, 3, 2)]]],
  [
    'mixed4a',
    1,
    [
      [conv(64, 1), validConv(96, 3, 1)],
      [conv(64, 1), conv(64, [1, 7]), conv(64, [7, 1]), validConv(96, 3, 1)],
    ],
  ],
  ['mixed5a', 2, [[validConv(192, 3, 2)], [validMax]]],
  ...['5b', '5c', '5d', '5e'].map((name) => [`mixed${name}`, 1, inceptionA] as const),
  ['mixed6a', 2, reductionA],
  ...['6b', '6c', '6d', '6e', '6f', '6g', '6h'].map((name) => [`mixed${name}`, 1, inceptionB] as const),
  ['mixed7a', 2, reductionB],
  ...['7b', '7c', '7d'].map((name) => [`mixed${name}`, 1, inceptionC] as const),
];

/**
 * Inception-v4 (Szegedy et al. 1602.07261) as timm has it (timm/models/inception_v4.py): SLIM's network (nets/inception_v4.py),
 * with a scale in BatchNorm that SLIM leaves out. Blocks under SLIM's names; 149 convolutions, features
 * [≈ h/32, ≈ w/32, 1536]: borders are cut off on the way, so 299 pixels give 8 × 8.
 */
export function inceptionV4(): Backbone {
  const blocks: Block[] = [];
  for (const [name, , parts] of BLOCKS) {
    const inChannels = blocks.at(-1)?.outChannels ?? 3;
    const batchNorm = { epsilon: 1e-3, momentum: 0.9 };
    blocks.push(branches({ name: `backbone/${name}`, inChannels, branches: parts, batchNorm }));
  }
  return {
    id: 'inception-v4',
    blocks,
    cutPoints: cutAfterEach(
      blocks,
      BLOCKS.map(([, stride]) => stride),
    ),
    featureChannels: 1536,
    defaultSizePx: 299,
    minimumSizePx: 75,
    preprocessing: minus1To1,
    defaultDropout: 0.2,
    provenance: { source: 'arXiv:1602.07261; timm inception_v4', publishedParameters: 42_679_816 },
  };
}
