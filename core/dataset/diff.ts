import { canonicalJson } from '../canonical-json.ts';
import { classesOf } from './annotations.ts';
import type { ItemAnnotations } from './annotations.ts';
import { annotationsJson } from './items.ts';
import { compareText } from './order.ts';

export interface DiffedItem extends ItemAnnotations {
  readonly path: string;
  readonly label: string;
  readonly sha256: string;
}

export interface DatasetDiff {
  readonly same: number;
  /** Paths in the later version, but for `removed`. */
  readonly added: readonly string[];
  readonly removed: readonly string[];
  /** The content was there before, under another path that is gone. */
  readonly moved: readonly string[];
  /** Another content under the path. */
  readonly changed: readonly string[];
  /** The same content under the path, with other labels or boxes. */
  readonly relabelled: readonly string[];
  /** Items with the class, where that changed. */
  readonly classes: readonly { readonly label: string; readonly before: number; readonly after: number }[];
}

/** What changed between two versions of a data set; every item is in one list at most. */
export function diffItems(before: readonly DiffedItem[], after: readonly DiffedItem[]): DatasetDiff {
  const old = new Map(before.map((item) => [item.path, item]));
  const stay = new Set(after.map(({ path }) => path));
  const gone = new Map<string, string[]>();
  for (const { path, sha256 } of before) {
    if (!stay.has(path)) gone.set(sha256, [...(gone.get(sha256) ?? []), path]);
  }
  const [added, moved, changed, relabelled]: string[][] = [[], [], [], []];
  let same = 0;
  for (const item of after) {
    const was = old.get(item.path);
    if (was === undefined) {
      const from = gone.get(item.sha256)?.shift();
      (from === undefined ? added : moved)?.push(item.path);
    } else if (was.sha256 !== item.sha256) changed?.push(item.path);
    else if (labelsOf(was) === labelsOf(item)) same++;
    else relabelled?.push(item.path);
  }
  const removed = [...gone.values()].flat().sort(compareText);
  return {
    same,
    added: added ?? [],
    removed,
    moved: moved ?? [],
    changed: changed ?? [],
    relabelled: relabelled ?? [],
    classes: classChanges(before, after),
  };
}

const labelsOf = (item: DiffedItem): string => canonicalJson({ label: item.label, ...annotationsJson(item) });

function classChanges(before: readonly DiffedItem[], after: readonly DiffedItem[]): DatasetDiff['classes'] {
  const counts = (items: readonly DiffedItem[]): Map<string, number> => {
    const all = new Map<string, number>();
    for (const item of items) for (const label of classesOf(item)) all.set(label, (all.get(label) ?? 0) + 1);
    return all;
  };
  const [a, b] = [counts(before), counts(after)];
  return [...new Set([...a.keys(), ...b.keys()])]
    .sort(compareText)
    .map((label) => ({ label, before: a.get(label) ?? 0, after: b.get(label) ?? 0 }))
    .filter((each) => each.before !== each.after);
}
