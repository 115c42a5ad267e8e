import { inputError } from '../errors.ts';
import type { GraftError } from '../errors.ts';

/** Levels below the root; Open Images has five. */
const MAX_LEVELS = 32;

/**
 * Which class is a kind of which: a tree of `{LabelName, Subcategory: […]}` (Open Images' `bbox_labels_600_hierarchy.json`). A
 * class may stand in several places. The root stands for everything and is no class, and what is part of a class is no
 * kind of it, as in tensorflow/models `oid_hierarchical_labels_expansion.py`.
 */
export class ClassHierarchy {
  private readonly parents = new Map<string, Set<string>>();
  private readonly children = new Map<string, Set<string>>();

  /** HIERARCHY_FORMAT where the JSON is no such tree. */
  constructor(root: unknown, where: string) {
    this.visit(root, [], where, true);
  }

  /** All classes that this one is a kind of. */
  above(label: string): readonly string[] {
    return [...(this.parents.get(label) ?? [])];
  }

  /** All kinds of this class. */
  below(label: string): readonly string[] {
    return [...(this.children.get(label) ?? [])];
  }

  private visit(node: unknown, over: readonly string[], where: string, isRoot = false): void {
    if (over.length > MAX_LEVELS) throw malformed(where, `more than ${MAX_LEVELS} levels`);
    if (typeof node !== 'object' || node === null) throw malformed(where, JSON.stringify(node).slice(0, 60));
    const { LabelName: label, Subcategory: kinds = [] } = Object.fromEntries(Object.entries(node));
    if (typeof label !== 'string' || label === '' || !Array.isArray(kinds)) {
      throw malformed(where, `a node of ${Object.keys(node).slice(0, 5).join(', ') || 'nothing'}`);
    }
    for (const each of over) {
      if (each === label) throw malformed(where, `${label.slice(0, 60)} below itself`);
      add(this.parents, label, each);
      add(this.children, each, label);
    }
    for (const kind of kinds) this.visit(kind, isRoot ? [] : [...over, label], where);
  }
}

function add(to: Map<string, Set<string>>, key: string, value: string): void {
  const known = to.get(key);
  if (known === undefined) to.set(key, new Set([value]));
  else known.add(value);
}

const malformed = (where: string, seen: string): GraftError =>
  inputError('HIERARCHY_FORMAT', where, seen, '{"LabelName": …, "Subcategory": […]}', 'take the file of Open Images');
