import { stat } from 'node:fs/promises';
import type { BlobRef } from '../../contracts/manifests.ts';
import type { Sha256 } from '../../core/ids.ts';
import type { ObjectStore } from '../../infra/ports/object-store.ts';
import { sha256OfFile } from './hash.ts';

/** Uploads a file and says where it lies; hashes it unless the hash is known. */
export async function uploadFile(
  store: ObjectStore,
  key: string,
  path: string,
  options: { readonly sha256?: Sha256; readonly signal?: AbortSignal; readonly contentType?: string } = {},
): Promise<BlobRef> {
  const { sha256: known, ...rest } = options;
  const sha256 = known ?? (await sha256OfFile(path));
  await store.putFile(key, path, sha256, rest);
  return { key, sha256, sizeBytes: (await stat(path)).size };
}
