import { blockCosts } from '../backbone-costs.ts';
import type { BackboneName } from '../backbone-facts.ts';
import type { Strategy } from '../training/frozen-prefix.ts';
import { prefixBlocks } from '../training/frozen-prefix.ts';

/** Neighbouring parts of a network with one story: where their values come from, and whether they learn. */
export interface LayerGroup {
  readonly from: string;
  readonly to: string;
  readonly source: 'pretrained' | 'fresh';
  readonly state: 'frozen' | 'learns' | 'left out';
  readonly parameters: number;
}

export interface LayeredModel {
  readonly backbone: BackboneName;
  readonly strategy: Strategy;
  readonly lastN: number;
  readonly cut: string | null;
  readonly classes: number;
  readonly pretrained: boolean;
}

/** From the input on: which layers come from where, which are new, which learn. */
export function layerGroups(model: LayeredModel): LayerGroup[] {
  const blocks = blockCosts(model.backbone);
  const end = model.cut === null ? blocks.length : blocks.findIndex(({ name }) => name === model.cut) + 1;
  const used = end === 0 ? blocks.length : end;
  const frozen = Math.min(prefixBlocks(model), used);
  const source = model.pretrained && model.strategy !== 'scratch' ? 'pretrained' : 'fresh';
  const group = (from: number, to: number, state: LayerGroup['state']): LayerGroup[] => {
    const part = blocks.slice(from, to);
    const [first, last] = [part[0], part.at(-1)];
    if (first === undefined || last === undefined) return [];
    const parameters = part.reduce((sum, { weights }) => sum + weights, 0);
    return [{ from: first.name, to: last.name, source, state, parameters }];
  };
  const channels = blocks[used - 1]?.channels ?? 0;
  return [
    ...group(0, frozen, 'frozen'),
    ...group(frozen, used, 'learns'),
    ...group(used, blocks.length, 'left out'),
    {
      from: 'head/logits',
      to: 'head/logits',
      source: 'fresh',
      state: 'learns',
      parameters: (channels + 1) * model.classes,
    },
  ];
}
