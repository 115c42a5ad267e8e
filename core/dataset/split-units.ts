import { compareText } from './order.ts';

/** What the split needs of an item. */
export interface SplitItem {
  readonly label: string;
  readonly sha256: string;
  readonly group?: string | undefined;
}

/** The name of what stays together: the group, or the content itself, so that copies of a picture stay on one side. */
export const unitOf = (item: SplitItem): string => item.group ?? item.sha256;

/** Units that must go the same way: one unit, or several groups that share a picture. */
export interface Component {
  /** The first of its units in code-point order. */
  readonly name: string;
  readonly units: readonly string[];
  /** Items by class, each class once. */
  readonly items: readonly ClassCount[];
}

export interface ClassCount {
  readonly label: string;
  count: number;
}

/** Collects items one by one; memory grows with the number of units, not with what an item holds. */
export class SplitUnits {
  private readonly indexes = new Map<string, number>();
  private readonly names: string[] = [];
  private readonly items: ClassCount[][] = [];
  /** Union–find over units: the index of a unit that this one goes with. */
  private readonly with: number[] = [];
  /** Content of grouped items → the first unit seen with it. */
  private readonly contentOfGroups = new Map<string, number>();

  add(item: SplitItem): void {
    const index = this.indexOf(unitOf(item));
    count(this.items[index] ?? [], item.label, 1);
    if (item.group === undefined) return;
    const other = this.contentOfGroups.get(item.sha256);
    if (other === undefined) this.contentOfGroups.set(item.sha256, index);
    else this.join(index, other);
  }

  components(): Component[] {
    for (const [content, index] of this.contentOfGroups) {
      const alone = this.indexes.get(content);
      if (alone !== undefined) this.join(index, alone);
    }
    const members = new Map<number, number[]>();
    for (let index = 0; index < this.names.length; index++) {
      const root = this.root(index);
      const list = members.get(root);
      if (list === undefined) members.set(root, [index]);
      else list.push(index);
    }
    return [...members.values()].map((indexes) => this.component(indexes));
  }

  private component(indexes: readonly number[]): Component {
    const units = indexes.map((index) => this.names[index] ?? '').sort(compareText);
    const [only] = indexes;
    if (indexes.length === 1 && only !== undefined)
      return { name: units[0] ?? '', units, items: this.items[only] ?? [] };
    const items: ClassCount[] = [];
    for (const index of indexes) {
      for (const each of this.items[index] ?? []) count(items, each.label, each.count);
    }
    return { name: units[0] ?? '', units, items };
  }

  private indexOf(unit: string): number {
    const known = this.indexes.get(unit);
    if (known !== undefined) return known;
    const index = this.names.length;
    this.indexes.set(unit, index);
    this.names.push(unit);
    this.items.push([]);
    this.with.push(index);
    return index;
  }

  private root(index: number): number {
    let at = index;
    for (let next = this.with[at]; next !== undefined && next !== at; next = this.with[at]) {
      // Path halving (Tarjan and van Leeuwen, 1984).
      const beyond = this.with[next] ?? next;
      this.with[at] = beyond;
      at = beyond;
    }
    return at;
  }

  private join(a: number, b: number): void {
    this.with[this.root(a)] = this.root(b);
  }
}

function count(items: ClassCount[], label: string, more: number): void {
  const known = items.find((item) => item.label === label);
  if (known === undefined) items.push({ label, count: more });
  else known.count += more;
}
