import type { BlobRef } from '../../contracts/manifests.ts';

/** The machine's own disk: a verified cache of stored blobs, and scratch folders that outlive a process. */
export interface LocalFiles {
  /** The local path of a blob: from the cache, or downloaded and verified. Safe from two processes at once. */
  fetch(blob: BlobRef, signal?: AbortSignal): Promise<string>;
  /** Moves a file into the cache: it is the blob, whole, and will be found by `fetch`. Returns its path there. */
  adopt(blob: BlobRef, path: string): Promise<string>;
  /** A folder below the state folder that stays until `removeScratch`: `scratch('runs', runId)`. */
  scratch(...parts: string[]): Promise<string>;
  removeScratch(...parts: string[]): Promise<void>;
}
