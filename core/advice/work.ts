import { blockCosts } from '../backbone-costs.ts';
import { backboneFacts } from '../backbone-facts.ts';
import type { BackboneName } from '../backbone-facts.ts';
import type { Strategy } from '../training/frozen-prefix.ts';
import { prefixBlocks } from '../training/frozen-prefix.ts';

/** What there is to compute of one picture, before anything is measured. */
export interface WorkShape {
  readonly backbone: BackboneName;
  readonly strategy: Strategy;
  readonly lastN: number;
  /** The cut point behind which the backbone ends; its own end where null. */
  readonly cut: string | null;
  readonly classes: number;
  readonly heightPx: number;
  readonly widthPx: number;
}

/** Multiply-adds and parameters of one picture's way through a network. */
export interface Work {
  /** A forward pass through all that is used of the backbone, and the head. */
  readonly forward: number;
  /** The part before what learns: computed once a picture where codes are kept, with every step where not. */
  readonly frozen: number;
  /** One training step's share of a picture, where codes are kept: what learns, forward, and twice backward. */
  readonly step: number;
  readonly parameters: number;
  readonly trainable: number;
}

/** Backward costs about twice the forward pass: a gradient for the input and one for the weights. */
const BACKWARD = 2;

/** Multiply-adds at another size go with the area. */
export function workOf(shape: WorkShape): Work {
  const { backbone, classes, heightPx, widthPx, cut } = shape;
  const { defaultSizePx } = backboneFacts[backbone];
  const area = (heightPx * widthPx) / defaultSizePx ** 2;
  const all = blockCosts(backbone);
  const end = cut === null ? -1 : all.findIndex(({ name }) => name === cut);
  const blocks = end === -1 ? all : all.slice(0, end + 1);
  const head = (blocks.at(-1)?.channels ?? 0) * classes;
  const frozenBlocks = Math.min(prefixBlocks(shape), blocks.length);
  const sum = (from: number, to: number, of: 'multiplyAdds' | 'weights'): number =>
    blocks.slice(from, to).reduce((total, block) => total + block[of], 0);
  const frozen = sum(0, frozenBlocks, 'multiplyAdds') * area;
  const learning = sum(frozenBlocks, blocks.length, 'multiplyAdds') * area + head;
  return {
    forward: Math.round(frozen + learning),
    frozen: Math.round(frozen),
    step: Math.round(learning * (1 + BACKWARD)),
    parameters: sum(0, blocks.length, 'weights') + head + classes,
    trainable: sum(frozenBlocks, blocks.length, 'weights') + head + classes,
  };
}
