import type { LookedAt } from '../../core/dataset/dataset-look.ts';
import { assignSides } from '../../core/dataset/split.ts';
import { SplitUnits, unitOf } from '../../core/dataset/split-units.ts';
import { unwrap } from '../../core/result.ts';
import type { LocalData, LocalItem } from './local-data.ts';

/** Deals a data set as its first run would: near-duplicates and groups on one side, what a policy leaves out left out. */
export function splitLocal(data: LocalData, { alike, dropped }: LookedAt) {
  const left = new Set(dropped.map(({ path }) => path));
  const items = data.items.filter(({ path }) => !left.has(path));
  const units = new SplitUnits();
  for (const item of items) units.add(item);
  const clusters = alike.map((names) => names.flatMap((name) => units.find(name) ?? []));
  const split = unwrap(assignSides(units, data.target.dataset.split, { alike: clusters }));
  const sideOf = (item: LocalItem | undefined): string =>
    item === undefined ? '' : (split.placeOf(units.numberOf(unitOf(item)))?.side ?? '');
  return { items, split, clusters, sideOf };
}
