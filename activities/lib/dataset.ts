import { DatasetItem, DatasetManifest } from '../../contracts/manifests.ts';
import type { Sha256 } from '../../core/ids.ts';
import { LOOK_BYTES } from '../../core/dataset/look.ts';
import { transientError } from '../../core/errors.ts';
import type { ObjectStore } from '../../infra/ports/object-store.ts';
import { readLines } from './json-lines.ts';

/** Where the raw bytes of a picture lie, whatever data sets it is in. */
export const blobKey = (sha256: Sha256): string => `blobs/sha256/${sha256.slice(0, 2)}/${sha256}`;

export const datasetManifestKey = (name: string, version: string): string =>
  `datasets/${name}/${version}/manifest.json`;

/** A data set's manifest; DATASET_GONE (transient) where an earlier stage's word does not hold any more. */
export async function requireDataset(store: ObjectStore, key: string, signal: AbortSignal): Promise<DatasetManifest> {
  const found = await store.get(key, { signal });
  const parsed = DatasetManifest.safeParse(found ? parseJson(found.body) : null);
  if (parsed.success) return parsed.data;
  throw transientError(
    'DATASET_GONE',
    `${store.bucket}/${key}`,
    found ? 'a manifest that does not parse' : 'no manifest',
    'the data set that an earlier stage wrote',
    'start the run again: it is ingested anew',
  );
}

/** All items in order of their path, a partition at a time in memory. */
export async function* datasetItems(
  store: ObjectStore,
  manifest: DatasetManifest,
  signal: AbortSignal,
): AsyncGenerator<DatasetItem> {
  for (const partition of manifest.partitions) yield* readLines(store, partition, DatasetItem, signal);
}

/**
 * The looks of all items in their order, LOOK_BYTES bytes each; null where the data set was read before pictures were
 * looked at. STORE_CORRUPT (transient) where they are not as many as the items.
 */
export async function datasetLooks(
  store: ObjectStore,
  { partitions, images }: DatasetManifest,
  signal: AbortSignal,
): Promise<Uint8Array | null> {
  const looks = new Uint8Array(images * LOOK_BYTES);
  let at = 0;
  for (const { looks: part, items } of partitions) {
    if (part === undefined) return null;
    const found = await store.get(part.key, { sha256: part.sha256, signal });
    if (found?.body.length !== items * LOOK_BYTES) {
      const seen = `${found?.body.length ?? 0} bytes`;
      throw transientError('STORE_CORRUPT', `${store.bucket}/${part.key}`, seen, `${items} looks`, 'try again');
    }
    looks.set(found.body, at);
    at += found.body.length;
  }
  return looks;
}

function parseJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(body));
  } catch {
    return null;
  }
}
