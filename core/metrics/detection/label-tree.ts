/** Open Images’ hierarchy of classes: `bbox_labels_600_hierarchy.json` and its kin. `Part` says nothing of kinds. */
export interface LabelTree {
  readonly LabelName: string;
  readonly Subcategory?: readonly LabelTree[] | undefined;
}

/** Of each category its ancestors among the categories, by index; a class may hang at several places. */
export function ancestorsOf(tree: LabelTree, categories: readonly string[]): ReadonlyMap<number, readonly number[]> {
  const indexes = new Map(categories.map((name, index) => [name, index]));
  const found = new Map<number, Set<number>>();
  const walk = ({ LabelName: name, Subcategory: below = [] }: LabelTree, above: readonly number[]): void => {
    const own = indexes.get(name);
    if (own !== undefined) {
      const known = found.get(own) ?? new Set<number>();
      for (const each of above) if (each !== own) known.add(each);
      found.set(own, known);
    }
    for (const child of below) walk(child, own === undefined ? above : [...above, own]);
  };
  walk(tree, []);
  return new Map([...found].map(([category, above]) => [category, [...above].sort((a, b) => a - b)]));
}
