import { classesOf } from './annotations.ts';
import type { ItemAnnotations } from './annotations.ts';
import { compareText } from './order.ts';

/** What statistics need of an item. */
export interface MeasuredItem extends Pick<ItemAnnotations, 'boxes' | 'labels' | 'group'> {
  readonly path: string;
  /** Empty where there are boxes. */
  readonly label: string;
  readonly sha256: string;
  readonly sizeBytes: number;
  readonly width: number;
  readonly height: number;
  /** 1 gray, 2 gray with alpha, 3 colour, 4 colour with alpha. */
  readonly channels: number;
  readonly format: string;
}

export interface Range {
  readonly min: number;
  readonly max: number;
  readonly mean: number;
}

/** Copies of one picture under one label, or under several. */
export interface CopiedContent {
  readonly sha256: string;
  readonly labels: readonly string[];
  readonly paths: readonly string[];
}

export interface DatasetStatistics {
  readonly images: number;
  readonly sizeBytes: number;
  readonly perClass: Readonly<Record<string, number>>;
  readonly width: Range;
  readonly height: Range;
  readonly formats: Readonly<Record<string, number>>;
  readonly gray: number;
  readonly withAlpha: number;
  /** Images with a side below the target's. */
  readonly smallerThanTarget: number;
  /** Items whose content is another item's too, under the same label: the surplus copies. */
  readonly copies: number;
  /** Contents that carry two labels or more. */
  readonly conflicts: number;
  readonly groups: number;
  readonly withoutGroup: number;
  /** The first by path, at most 100. */
  readonly examplesOfCopies: readonly CopiedContent[];
  readonly examplesOfConflicts: readonly CopiedContent[];
}

const MAX_EXAMPLES = 100;
const MAX_PATHS = 10;

interface Content {
  readonly labels: string[];
  readonly paths: string[];
  items: number;
}

/** Gathers statistics item by item; memory grows with the number of distinct contents. */
export class StatisticsCollector {
  private readonly target: { readonly heightPx: number; readonly widthPx: number };
  private images = 0;
  private sizeBytes = 0;
  private gray = 0;
  private withAlpha = 0;
  private smaller = 0;
  private withoutGroup = 0;
  private readonly perClass = new Map<string, number>();
  private readonly formats = new Map<string, number>();
  private readonly labels = new Map<string, string>();
  private readonly groups = new Set<string>();
  private readonly widths = new RangeCollector();
  private readonly heights = new RangeCollector();
  private readonly first = new Map<string, { label: string; path: string }>();
  private readonly repeated = new Map<string, Content>();

  constructor(target: { readonly heightPx: number; readonly widthPx: number }) {
    this.target = target;
  }

  add(item: MeasuredItem): void {
    this.images += 1;
    this.sizeBytes += item.sizeBytes;
    this.gray += item.channels <= 2 ? 1 : 0;
    this.withAlpha += item.channels % 2 === 0 ? 1 : 0;
    this.smaller += item.width < this.target.widthPx || item.height < this.target.heightPx ? 1 : 0;
    const labels = item.boxes === undefined ? classesOf(item) : item.boxes.map((box) => box.label);
    for (const label of labels) increase(this.perClass, label);
    increase(this.formats, item.format);
    if (item.group === undefined) this.withoutGroup += 1;
    else this.groups.add(item.group);
    this.widths.add(item.width);
    this.heights.add(item.height);
    this.compare(item);
  }

  private compare(item: MeasuredItem): void {
    const { sha256, path } = item;
    const label = this.nameOf(classesOf(item).join(', '));
    const before = this.first.get(sha256);
    if (before === undefined) {
      this.first.set(sha256, { label, path });
      return;
    }
    let content = this.repeated.get(sha256);
    if (content === undefined) {
      content = { labels: [before.label], paths: [before.path], items: 1 };
      this.repeated.set(sha256, content);
    }
    content.items += 1;
    if (!content.labels.includes(label)) content.labels.push(label);
    if (content.paths.length < MAX_PATHS) content.paths.push(path);
  }

  /** One string a label, not one an item. */
  private nameOf(label: string): string {
    const known = this.labels.get(label);
    if (known === undefined) this.labels.set(label, label);
    return known ?? label;
  }

  finish(): DatasetStatistics {
    const repeated = [...this.repeated].map(([sha256, content]) => ({ sha256, ...content }));
    const conflicts = repeated.filter(({ labels }) => labels.length > 1);
    const copies = repeated.filter(({ labels }) => labels.length === 1);
    return {
      images: this.images,
      sizeBytes: this.sizeBytes,
      perClass: sortedRecord(this.perClass),
      width: this.widths.range(),
      height: this.heights.range(),
      formats: sortedRecord(this.formats),
      gray: this.gray,
      withAlpha: this.withAlpha,
      smallerThanTarget: this.smaller,
      copies: copies.reduce((sum, { items }) => sum + items - 1, 0),
      conflicts: conflicts.length,
      groups: this.groups.size,
      withoutGroup: this.withoutGroup,
      examplesOfCopies: examples(copies),
      examplesOfConflicts: examples(conflicts),
    };
  }
}

class RangeCollector {
  private min = Infinity;
  private max = 0;
  private sum = 0;
  private count = 0;

  add(value: number): void {
    this.min = Math.min(this.min, value);
    this.max = Math.max(this.max, value);
    this.sum += value;
    this.count += 1;
  }

  range(): Range {
    if (this.count === 0) return { min: 0, max: 0, mean: 0 };
    return { min: this.min, max: this.max, mean: Math.round((10 * this.sum) / this.count) / 10 };
  }
}

function increase(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function sortedRecord(counts: ReadonlyMap<string, number>): Record<string, number> {
  return Object.fromEntries([...counts].sort(([a], [b]) => compareText(a, b)));
}

function examples(contents: readonly (CopiedContent & { items: number })[]): CopiedContent[] {
  return contents
    .slice(0, MAX_EXAMPLES)
    .map(({ sha256, labels, paths }) => ({ sha256, labels: [...labels].sort(compareText), paths }));
}
