import { compareText } from '../dataset/order.ts';
import type { DatasetChange } from './decide.ts';

/** What of an item the comparison looks at. */
export interface ComparedItem {
  readonly path: string;
  readonly label: string;
  readonly sha256: string;
  readonly sizeBytes: number;
  readonly width: number;
  readonly height: number;
}

/** Below this, a share is mostly chance: with 30 images, two classes of equal size differ by 0.07 on average. */
export const FEWEST_FOR_DRIFT = 30;

/**
 * Compares two data sets, both in order of path, in memory for two items. New is what has a path that was not there, or
 * other bytes under it: a renamed image counts as new.
 *
 * Drift is a total variation distance, ½ Σ |p − q|: the share of the new images that would have to be others for their
 * distribution to be the old one's. It is taken of the classes and of how well the images compress (bits a pixel, in
 * powers of √2: another camera, lens, light or scene shows there), and the larger of the two counts. 0 is the same, 1
 * nothing in common.
 */
export async function datasetChange(
  before: AsyncIterable<ComparedItem>,
  now: AsyncIterable<ComparedItem>,
): Promise<DatasetChange> {
  const old = new Distribution();
  const fresh = new Distribution();
  const iterator = before[Symbol.asyncIterator]();
  let left = await next(iterator);
  for await (const item of now) {
    while (left !== null && compareText(left.path, item.path) < 0) {
      old.add(left);
      left = await next(iterator);
    }
    if (left !== null && left.path === item.path && left.sha256 === item.sha256) continue;
    fresh.add(item);
  }
  for (; left !== null; left = await next(iterator)) old.add(left);
  return { newImages: fresh.count, drift: fresh.count < FEWEST_FOR_DRIFT ? null : fresh.distanceTo(old) };
}

async function next(iterator: AsyncIterator<ComparedItem>): Promise<ComparedItem | null> {
  const { done, value } = await iterator.next();
  return done === true ? null : value;
}

class Distribution {
  count = 0;
  private readonly classes = new Map<string, number>();
  private readonly densities = new Map<number, number>();

  add({ label, sizeBytes, width, height }: ComparedItem): void {
    this.count++;
    increase(this.classes, label);
    increase(this.densities, Math.round(2 * Math.log2((8 * sizeBytes) / (width * height))));
  }

  distanceTo(other: Distribution): number {
    if (other.count === 0) return 1;
    const classes = totalVariation(this.classes, this.count, other.classes, other.count);
    return Math.max(classes, totalVariation(this.densities, this.count, other.densities, other.count));
  }
}

function increase<K>(counts: Map<K, number>, key: K): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function totalVariation<K>(a: ReadonlyMap<K, number>, ofA: number, b: ReadonlyMap<K, number>, ofB: number): number {
  let sum = 0;
  for (const key of new Set([...a.keys(), ...b.keys()])) {
    sum += Math.abs((a.get(key) ?? 0) / ofA - (b.get(key) ?? 0) / ofB);
  }
  return sum / 2;
}
