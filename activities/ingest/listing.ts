import { createHash } from 'node:crypto';
import { classesOf } from '../../core/dataset/annotations.ts';
import { listingLine } from '../../core/dataset/items.ts';
import { transientError } from '../../core/errors.ts';
import { asSha256 } from '../../core/ids.ts';
import type { Sha256 } from '../../core/ids.ts';
import { endsPartition, MAX_PARTITION_ITEMS } from '../../core/dataset/chunks.ts';
import type { DatasetSource, SourceEntry } from '../../infra/ports/dataset-source.ts';

/** A whole listing in a few words. */
export interface ListingFingerprint {
  readonly sha256: Sha256;
  readonly entries: number;
  /** Files a class, before any is read. */
  readonly perClass: ReadonlyMap<string, number>;
  /** All of a small data set, which then is listed once; null for a larger one. */
  readonly kept: readonly SourceEntry[] | null;
}

/** Neighbours of a listing that are read and stored together. */
export interface ListingChunk {
  /** SHA-256 of its lines: path, label, size and tag of every entry. */
  readonly sha256: Sha256;
  readonly entries: readonly SourceEntry[];
}

/** Streams the listing through a hash; `seen` is told after every entry. Keeps no more entries than a chunk may have. */
export async function fingerprint(
  source: DatasetSource,
  signal: AbortSignal,
  seen: () => void,
  mostKept = MAX_PARTITION_ITEMS,
): Promise<ListingFingerprint> {
  let kept: SourceEntry[] | null = [];
  const hash = createHash('sha256');
  const perClass = new Map<string, number>();
  let entries = 0;
  for await (const entry of source.list(signal)) {
    signal.throwIfAborted();
    hash.update(listingLine(entry));
    for (const label of entry.problem === undefined ? classesOf({ ...entry.annotations, label: entry.label }) : []) {
      perClass.set(label, (perClass.get(label) ?? 0) + 1);
    }
    entries++;
    if (entries > mostKept) kept = null;
    kept?.push(entry);
    seen();
  }
  return { sha256: asSha256(hash.digest('hex')), entries, perClass, kept };
}

/**
 * The listing in chunks that end where core/dataset/chunks.ts says: as it was kept, else listed again. DATASET_CHANGED
 * (transient) at its end where it is not the listing that `before` stands for; with null nobody looks. What changes after it
 * was listed shows by its size when it is read.
 */
export async function* chunksOf(
  source: DatasetSource,
  before: ListingFingerprint | null,
  signal: AbortSignal,
): AsyncGenerator<ListingChunk> {
  const whole = createHash('sha256');
  let hash = createHash('sha256');
  let entries: SourceEntry[] = [];
  for await (const entry of before?.kept ?? source.list(signal)) {
    signal.throwIfAborted();
    const line = listingLine(entry);
    whole.update(line);
    hash.update(line);
    entries.push(entry);
    if (!endsPartition(entry.path, entries.length)) continue;
    yield { sha256: asSha256(hash.digest('hex')), entries };
    hash = createHash('sha256');
    entries = [];
  }
  if (entries.length > 0) yield { sha256: asSha256(hash.digest('hex')), entries };
  if (before !== null && whole.digest('hex') !== before.sha256) {
    throw transientError('DATASET_CHANGED', source.where, 'files changed while they were read', 'a quiet data set');
  }
}
