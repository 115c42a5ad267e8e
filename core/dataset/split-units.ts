import { classesOf } from './annotations.ts';
import type { GivenSide, ItemAnnotations } from './annotations.ts';
import { Growing } from './growing.ts';

/** What the split needs of an item. */
export interface SplitItem extends Pick<ItemAnnotations, 'boxes' | 'labels' | 'group' | 'side'> {
  /** Empty where there are boxes. */
  readonly label: string;
  readonly sha256: string;
  /** Pixels; 0 or absent where nobody knows. */
  readonly width?: number;
  readonly height?: number;
}

/** The name of what stays together: the group, or the content itself, so that copies of a picture stay on one side. */
export const unitOf = (item: Pick<SplitItem, 'sha256' | 'group'>): string => item.group ?? item.sha256;

/** Items of a unit by class, each class once. */
export interface ClassCount {
  readonly classId: number;
  count: number;
}

/** The sides that a maker gave; what is tested with goes before what is trained with. */
const GIVEN: readonly GivenSide[] = ['train', 'validation', 'test'];

/**
 * Collects items one by one; memory grows with the number of units (some 200 bytes each, their names included), not
 * with what an item holds. Units have numbers, in the order in which they were first heard of.
 */
export class SplitUnits {
  /** In the order of their numbers. */
  readonly names: string[] = [];
  readonly classes: string[] = [];
  private readonly numbers = new Map<string, number>();
  private readonly classIds = new Map<string, number>();
  private readonly items = new Growing(Int32Array);
  /** The class of all items of a unit; −1 where they have several, which are in `mixed`. */
  private readonly classOf = new Growing(Int32Array);
  private readonly mixed = new Map<number, ClassCount[]>();
  private readonly sizes = new Growing(Uint8Array);
  private readonly given = new Growing(Uint8Array);
  /** Union–find over units: the number of a unit that this one goes with. */
  private readonly with = new Growing(Int32Array);
  /** Content of grouped items → the first unit seen with it. */
  private readonly contentOfGroups = new Map<string, number>();
  private boxes = false;

  add(item: SplitItem): void {
    const unit = this.numberOf(unitOf(item));
    this.count(unit, item);
    this.sizes.set(unit, sizeKind(item));
    if (item.side !== undefined) this.given.set(unit, Math.max(this.given.at(unit), 1 + GIVEN.indexOf(item.side)));
    this.boxes ||= item.boxes !== undefined;
    if (item.group === undefined) return;
    const other = this.contentOfGroups.get(item.sha256);
    if (other === undefined) this.contentOfGroups.set(item.sha256, unit);
    else this.join(unit, other);
  }

  /** The number of a unit, which may have no items: one that an earlier split knew. */
  numberOf(name: string): number {
    const known = this.numbers.get(name);
    if (known !== undefined) return known;
    const unit = this.names.length;
    this.numbers.set(name, unit);
    this.names.push(name);
    this.items.set(unit, 0);
    this.classOf.set(unit, -1);
    this.sizes.set(unit, 0);
    this.given.set(unit, 0);
    this.with.set(unit, unit);
    return unit;
  }

  /** The number of a unit that is known, else undefined. */
  find(name: string): number | undefined {
    return this.numbers.get(name);
  }

  get length(): number {
    return this.names.length;
  }

  /** Whether items have boxes: then a class need not be on every side. */
  get hasBoxes(): boolean {
    return this.boxes;
  }

  itemsOf(unit: number): number {
    return this.items.at(unit);
  }

  /** Pictures of one kind of size and shape have the same number. */
  sizeOf(unit: number): number {
    return this.sizes.at(unit);
  }

  givenTo(unit: number): GivenSide | null {
    return GIVEN[this.given.at(unit) - 1] ?? null;
  }

  countsOf(unit: number): readonly ClassCount[] {
    const only = this.classOf.at(unit);
    return only >= 0 ? [{ classId: only, count: this.items.at(unit) }] : (this.mixed.get(unit) ?? []);
  }

  /** Units that must go the same way because groups share a picture: number of a unit → that which stands for them. */
  settle(): void {
    for (const [content, unit] of this.contentOfGroups) {
      const alone = this.numbers.get(content);
      if (alone !== undefined) this.join(unit, alone);
    }
    this.contentOfGroups.clear();
  }

  root(unit: number): number {
    let at = unit;
    for (let next = this.with.at(at); next !== at; next = this.with.at(at)) {
      // Path halving (Tarjan and van Leeuwen, 1984).
      const beyond = this.with.at(next);
      this.with.set(at, beyond);
      at = beyond;
    }
    return at;
  }

  private join(a: number, b: number): void {
    this.with.set(this.root(a), this.root(b));
  }

  private count(unit: number, item: SplitItem): void {
    const before = this.items.at(unit);
    this.items.set(unit, before + 1);
    const classIds = classesOf(item).map((label) => this.classId(label));
    const only = classIds.length === 1 ? (classIds[0] ?? -1) : -1;
    if (before === 0 && only >= 0) {
      this.classOf.set(unit, only);
      return;
    }
    const known = this.classOf.at(unit);
    if (known >= 0 && known === only) return;
    let counts = this.mixed.get(unit);
    if (counts === undefined) {
      counts = known >= 0 ? [{ classId: known, count: before }] : [];
      this.mixed.set(unit, counts);
      this.classOf.set(unit, -1);
    }
    for (const classId of classIds) addCount(counts, classId, 1);
  }

  private classId(label: string): number {
    let id = this.classIds.get(label);
    if (id === undefined) {
      id = this.classes.length;
      this.classIds.set(label, id);
      this.classes.push(label);
    }
    return id;
  }
}

export function addCount(counts: ClassCount[], classId: number, more: number): void {
  const known = counts.find((each) => each.classId === classId);
  if (known === undefined) counts.push({ classId, count: more });
  else known.count += more;
}

/** Kinds of size: powers of four of the area, and tall, square or wide. */
export const SIZE_KINDS = 64;
function sizeKind({ width = 0, height = 0 }: SplitItem): number {
  if (width <= 0 || height <= 0) return 0;
  const area = Math.min(20, Math.max(0, Math.floor(Math.log2(width * height) / 2)));
  const shape = width > 1.25 * height ? 2 : height > 1.25 * width ? 1 : 0;
  return 3 * area + shape;
}
