import { DatasetItem, DatasetManifest } from '../../contracts/manifests.ts';
import type { BlobRef } from '../../contracts/manifests.ts';
import { transientError } from '../../core/errors.ts';
import type { Sha256 } from '../../core/ids.ts';
import type { ObjectStore } from '../../infra/ports/object-store.ts';

/** Where the raw bytes of a picture lie. */
export const rawBlobKey = (sha256: Sha256): string => `blobs/sha256/${sha256.slice(0, 2)}/${sha256}`;

/** The manifest that an earlier stage wrote; STAGE_MISSING where it is gone. */
export async function readDatasetManifest(store: ObjectStore, key: string): Promise<DatasetManifest> {
  const found = await store.get(key);
  if (found) return DatasetManifest.parse(JSON.parse(new TextDecoder().decode(found.body)));
  const remedy = 'start the run again: the data set is ingested anew';
  throw transientError(
    'STAGE_MISSING',
    `${store.bucket}/${key}`,
    'the data set’s manifest is gone',
    'a manifest',
    remedy,
  );
}

/** All items in path order, a partition at a time: memory holds one partition. */
export async function* datasetItems(
  store: ObjectStore,
  manifest: DatasetManifest,
  signal: AbortSignal,
): AsyncGenerator<DatasetItem> {
  for (const partition of manifest.partitions) {
    for (const line of await readLines(store, partition, signal)) yield DatasetItem.parse(JSON.parse(line));
  }
}

/** The lines of a JSON-lines part, verified. STAGE_MISSING where it is gone. */
export async function readLines(store: ObjectStore, part: BlobRef, signal: AbortSignal): Promise<string[]> {
  const found = await store.get(part.key, { sha256: part.sha256, signal });
  if (!found)
    throw transientError('STAGE_MISSING', `${store.bucket}/${part.key}`, 'it is gone', 'a part of a manifest');
  return new TextDecoder()
    .decode(found.body)
    .split('\n')
    .filter((line) => line !== '');
}
