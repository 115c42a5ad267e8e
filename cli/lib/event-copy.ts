import { mkdir, open, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { errnoOf } from '../../core/errors.ts';
import type { RunId } from '../../core/ids.ts';
import type { ObjectStore } from '../../infra/ports/object-store.ts';

/** A copy on this disk of what runs have for TensorBoard. */
export interface EventCopy {
  /** Fetches what is new or has changed; how many files that were. */
  refresh(): Promise<number>;
  /** How many files there are. */
  readonly files: number;
}

/** `runs/<runId>/events/…` of each run as `folder/<runId>/…`. */
export function createEventCopy(store: ObjectStore, runIds: readonly RunId[], folder: string): EventCopy {
  const known = new Map<string, string>();
  return {
    get files() {
      return known.size;
    },
    async refresh() {
      let changed = 0;
      for (const runId of runIds) {
        const prefix = `runs/${runId}/events/`;
        for await (const { key, etag } of store.list(prefix)) {
          if (known.get(key) === etag) continue;
          const found = await store.get(key, { maxBytes: MAX_BYTES });
          if (!found) continue;
          await bringUpToDate(join(folder, runId, key.slice(prefix.length)), found.body);
          known.set(key, found.etag);
          changed++;
        }
      }
      return changed;
    },
  };
}

const MAX_BYTES = 512 * 2 ** 20;

/**
 * Makes the file hold these bytes by writing only from where it differs: TensorBoard holds it open and reads on from
 * where it was. A file that grows is appended to; after a resume the records have the same sizes as before, so what was
 * read stays whole.
 */
export async function bringUpToDate(path: string, bytes: Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const before = await contentOf(path);
  const from = firstDifference(before, bytes);
  if (from === bytes.length && before.length === bytes.length) return;
  const file = await open(path, before.length === 0 ? 'w' : 'r+');
  try {
    await file.write(bytes, from, bytes.length - from, from);
    await file.truncate(bytes.length);
  } finally {
    await file.close();
  }
}

async function contentOf(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return new Uint8Array(0);
    throw error;
  }
}

function firstDifference(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) if (a[i] !== b[i]) return i;
  return shared;
}
