import { readFile, stat } from 'node:fs/promises';
import { transientError } from '../../core/errors.ts';
import type { GraftError } from '../../core/errors.ts';
import type { Sha256 } from '../../core/ids.ts';
import type { SourceEntry } from '../../infra/ports/dataset-source.ts';
import type { ObjectStore } from '../../infra/ports/object-store.ts';
import { blobKey } from '../lib/dataset.ts';
import { sha256Of, sha256OfFile } from '../lib/hash.ts';

/** Files up to this size are read once, to be hashed and uploaded; larger ones are streamed for each. */
const HELD_BYTES = 2 * 2 ** 20;

/** What lies in the store under its hash. */
export interface StoredRaw {
  readonly sha256: Sha256;
  readonly sizeBytes: number;
}

/**
 * Stores the bytes of a small file under their hash unless they are there. DATASET_CHANGED (transient) for null: it had
 * another size than it was listed with.
 */
export async function storeBytes(
  entry: SourceEntry,
  path: string,
  bytes: Uint8Array | null,
  store: ObjectStore,
  signal: AbortSignal,
): Promise<StoredRaw> {
  if (bytes === null) throw changed(entry, path, 'another size');
  const sha256 = sha256Of(bytes);
  const key = blobKey(sha256);
  // One request where a look and a write are two; a refused write finds other bytes there: they are replaced.
  if ((await store.putIfAbsent(key, bytes, { signal })).kind === 'conflict') await store.put(key, bytes, { signal });
  return { sha256, sizeBytes: bytes.length };
}

/** Stores a file under its hash unless it is there. DATASET_CHANGED (transient) where it is not the size it was listed with. */
export async function storeFile(
  entry: SourceEntry,
  path: string,
  store: ObjectStore,
  signal: AbortSignal,
): Promise<StoredRaw> {
  const small = entry.sizeBytes <= HELD_BYTES ? await readFile(path, { signal }) : null;
  const sizeBytes = small?.length ?? (await stat(path)).size;
  if (sizeBytes !== entry.sizeBytes && entry.converted !== true) throw changed(entry, path, `${sizeBytes} bytes`);
  const sha256 = small === null ? await sha256OfFile(path, signal) : sha256Of(small);
  const key = blobKey(sha256);
  if ((await store.head(key, { signal }))?.sizeBytes === sizeBytes) return { sha256, sizeBytes };
  if (small === null) await store.putFile(key, path, sha256, { signal });
  else await store.put(key, small, { signal });
  return { sha256, sizeBytes };
}

const changed = ({ sizeBytes }: SourceEntry, path: string, seen: string): GraftError =>
  transientError('DATASET_CHANGED', path, seen, `${sizeBytes} bytes, as when it was listed`);
