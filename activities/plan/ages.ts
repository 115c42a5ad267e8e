import { SplitOutput } from '../../contracts/manifests.ts';
import type { BlobRef, Side } from '../../contracts/manifests.ts';
import { Generations } from '../../core/dataset/newest.ts';
import type { Aged } from '../../core/dataset/newest.ts';
import { unitOf } from '../../core/dataset/split-units.ts';
import { failedError } from '../../core/errors.ts';
import type { ObjectStore } from '../../infra/ports/object-store.ts';
import { datasetItems, requireDataset } from '../lib/dataset.ts';
import { readLines } from '../lib/json-lines.ts';
import { readStage, stageManifestKey } from '../lib/stage.ts';
import { Assignment } from '../split/assignments.ts';
import { droppedPaths } from '../split/split.ts';

/** An image of the data set, its side and its age. */
export interface AgedItem extends Aged {
  readonly unit: string;
  readonly label: string;
  readonly side: Side;
}

/** A split that others came after, and when it was first made. */
export interface OlderSplit {
  readonly atMs: number;
  readonly split: SplitOutput;
}

/** The images of a data set that have a side. */
export async function sidedItems(
  store: ObjectStore,
  { datasetManifestKey, split }: { readonly datasetManifestKey: string; readonly split: SplitOutput },
  signal: AbortSignal,
): Promise<AgedItem[]> {
  const sides = await sidesOf(store, split.assignments, signal);
  const dropped = await droppedPaths(store, split.dropped ?? null, signal);
  const manifest = await requireDataset(store, datasetManifestKey, signal);
  const items: AgedItem[] = [];
  for await (const item of datasetItems(store, manifest, signal)) {
    const unit = unitOf(item);
    const side = sides.get(unit);
    if (side !== undefined && !dropped.has(item.path)) {
      items.push({ path: item.path, label: item.label, unit, side, generation: 0 });
    }
  }
  return items;
}

/**
 * The same images with their ages: in which version of the data set each was first, told by the splits of its lineage. Reads no
 * further back than `goOn` wants, which sees what is known so far and the next older split.
 */
export async function withAges(
  store: ObjectStore,
  items: readonly AgedItem[],
  parents: AsyncIterable<OlderSplit>,
  goOn: (known: readonly AgedItem[], generation: number, next: OlderSplit) => boolean,
  signal: AbortSignal,
): Promise<AgedItem[]> {
  const generations = new Generations(items.map(({ unit }) => unit));
  const aged = (): AgedItem[] => items.map((item) => ({ ...item, generation: generations.of(item.unit) }));
  for await (const older of parents) {
    if (!goOn(aged(), generations.read, older)) break;
    generations.older(new Set((await sidesOf(store, older.split.assignments, signal)).keys()));
  }
  return aged();
}

/** The splits before one, the youngest first. */
export async function* parentsOf(store: ObjectStore, split: SplitOutput): AsyncGenerator<OlderSplit> {
  for (let key = split.parent; key !== null;) {
    const manifestKey = stageManifestKey('split', key);
    const found = await readStage(store, manifestKey, SplitOutput);
    if (!found) {
      const seen = 'an earlier split is gone, and with it which images are new';
      throw failedError('SPLIT_LINEAGE', manifestKey, seen, 'its manifest', 'restore it, or leave dataset.recent out');
    }
    yield { atMs: Date.parse(found.createdAt), split: found.output };
    key = found.output.parent;
  }
}

/** Every unit that a split ever knew, and its side. */
export async function sidesOf(
  store: ObjectStore,
  assignments: BlobRef,
  signal: AbortSignal,
): Promise<Map<string, Side>> {
  const sides = new Map<string, Side>();
  for await (const { unit, side } of readLines(store, assignments, Assignment, signal)) sides.set(unit, side);
  return sides;
}
