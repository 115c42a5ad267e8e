import { boxFlags } from '../../../core/dataset/annotations.ts';
import type { Box } from '../../../core/dataset/annotations.ts';

const EDGES = 4;

/**
 * Boxes of many pictures in 49 bytes each: COCO has a million of them, Open Images fifteen. Those of a picture come
 * back in the order in which they were added.
 */
export class BoxTable {
  private edges = new Float64Array(EDGES * 1024);
  private areas = new Float64Array(1024);
  private labels = new Int32Array(1024);
  private flags = new Uint8Array(1024);
  private next = new Int32Array(1024);
  private readonly first: number[] = [];
  private readonly last: number[] = [];
  private readonly names: string[] = [];
  private readonly numbers = new Map<string, number>();
  size = 0;

  add(picture: number, box: Box): void {
    if (this.size === this.areas.length) this.grow();
    const at = this.size++;
    this.edges.set([box.xMin, box.yMin, box.xMax, box.yMax], EDGES * at);
    this.areas[at] = box.area ?? Number.NaN;
    this.labels[at] = this.numberOf(box.label);
    this.flags[at] = boxFlags.reduce((bits, flag, i) => (box[flag] === true ? bits | (1 << i) : bits), 0);
    this.next[at] = -1;
    const before = this.last[picture];
    if (before === undefined) this.first[picture] = at;
    else this.next[before] = at;
    this.last[picture] = at;
  }

  of(picture: number): Box[] {
    const found: Box[] = [];
    for (let at = this.first[picture] ?? -1; at >= 0; at = this.next[at] ?? -1) found.push(this.box(at));
    return found;
  }

  private box(at: number): Box {
    const [xMin = 0, yMin = 0, xMax = 0, yMax = 0] = this.edges.subarray(EDGES * at, EDGES * at + EDGES);
    const area = this.areas[at] ?? Number.NaN;
    const bits = this.flags[at] ?? 0;
    const flags = boxFlags.flatMap((flag, i) => ((bits >> i) & 1 ? [[flag, true] as const] : []));
    const label = this.names[this.labels[at] ?? 0] ?? '';
    return { label, xMin, yMin, xMax, yMax, ...Object.fromEntries(flags), ...(Number.isNaN(area) ? {} : { area }) };
  }

  private numberOf(label: string): number {
    const known = this.numbers.get(label);
    if (known !== undefined) return known;
    this.numbers.set(label, this.names.length);
    return this.names.push(label) - 1;
  }

  private grow(): void {
    const size = 2 * this.size;
    this.edges = enlarged(this.edges, new Float64Array(EDGES * size));
    this.areas = enlarged(this.areas, new Float64Array(size));
    this.labels = enlarged(this.labels, new Int32Array(size));
    this.flags = enlarged(this.flags, new Uint8Array(size));
    this.next = enlarged(this.next, new Int32Array(size));
  }
}

function enlarged<T extends Float64Array | Int32Array | Uint8Array>(from: T, into: T): T {
  into.set(from);
  return into;
}
