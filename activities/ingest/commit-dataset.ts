import { DatasetManifest } from '../../contracts/manifests.ts';
import type { BlobRef } from '../../contracts/manifests.ts';
import type { ObjectStore } from '../../infra/ports/object-store.ts';
import { datasetManifestKey } from '../lib/dataset.ts';
import { sha256Of } from '../lib/hash.ts';
import { partsExist } from '../lib/stage.ts';

/**
 * Writes a data set's manifest once (`If-None-Match: *`). An earlier one of the same version stands for the same items
 * and is kept, unless parts of it are gone. Resolves to the manifest that is stored now, and to where it lies.
 */
export async function commitDataset(
  store: ObjectStore,
  manifest: DatasetManifest,
  signal: AbortSignal,
): Promise<{ manifest: DatasetManifest; blob: BlobRef }> {
  const key = datasetManifestKey(manifest.name, manifest.version);
  const body = new TextEncoder().encode(JSON.stringify(manifest));
  const written = { manifest, blob: { key, sha256: sha256Of(body), sizeBytes: body.length } };
  const options = { contentType: 'application/json', signal };
  if ((await store.putIfAbsent(key, body, options)).kind === 'written') return written;
  const found = await store.get(key, { signal });
  const earlier = DatasetManifest.safeParse(found ? JSON.parse(new TextDecoder().decode(found.body)) : null);
  if (found && earlier.success && isWhole(earlier.data) && (await partsExist(store, partsOf(earlier.data), signal))) {
    const blob = { key, sha256: sha256Of(found.body), sizeBytes: found.body.length };
    return { manifest: earlier.data, blob };
  }
  await store.put(key, body, options);
  return written;
}

/** Not one of a time before pictures were looked at. */
const isWhole = ({ partitions }: DatasetManifest): boolean => partitions.every(({ looks }) => looks !== undefined);

/** Everything that a data set's manifest leads to but the pictures. */
export function partsOf({ partitions }: DatasetManifest): BlobRef[] {
  return partitions.flatMap(({ key, sha256, sizeBytes, looks }) => [
    { key, sha256, sizeBytes },
    ...(looks === undefined ? [] : [looks]),
  ]);
}
