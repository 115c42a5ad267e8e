import { blockCosts } from '../backbone-costs.ts';
import type { BackboneName } from '../backbone-facts.ts';

/** Cells of these sizes are tried besides the network's end. */
const STRIDES = [8, 16];

/** The last cut of each earlier size of map: where a linear classifier may do better on pictures that are far from ImageNet. */
export function earlyCuts(backbone: BackboneName): string[] {
  const blocks = blockCosts(backbone).slice(0, -1);
  const last = blockCosts(backbone).at(-1)?.stridePx ?? 0;
  const found = STRIDES.map((stride) =>
    stride < last ? blocks.findLast(({ stridePx }) => stridePx === stride) : undefined,
  );
  return found.flatMap((block) => (block ? [block.name] : []));
}
