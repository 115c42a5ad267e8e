import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import type { BlobRef } from '../contracts/manifests.ts';
import { errnoOf, messageOf, transientError } from '../core/errors.ts';
import type { LocalFiles } from './ports/local-files.ts';
import type { ObjectStore } from './ports/object-store.ts';

export interface LocalFilesOptions {
  readonly store: ObjectStore;
  /** The folder that is used; created when needed. */
  readonly dir: string;
  /** The cache of blobs is trimmed to it, oldest use first; default 20 GiB. */
  readonly cacheBytes?: number;
  readonly nowMs?: () => number;
}

const GIB = 2 ** 30;
/** What was used within the last hour may be open in a trainer: it stays, whatever the cap says. */
const IN_USE_MS = 3_600_000;
const TRIM_EVERY = 64;

/**
 * A cache of stored blobs by content, and scratch folders. Blobs are downloaded to a temporary file, verified and renamed
 * into place, so two processes at once each end with a whole file. A cached file is verified again on its first use in a
 * process: disks forget, and a wrong byte must not become a wrong model.
 */
export function createLocalFiles(options: LocalFilesOptions): LocalFiles {
  const { store, dir, cacheBytes = 20 * GIB, nowMs = () => Date.now() } = options;
  const blobs = join(dir, 'blobs');
  const verified = new Set<string>();
  let fetched = 0;
  return {
    async fetch(blob, signal) {
      const folder = join(blobs, blob.sha256.slice(0, 2));
      const path = join(folder, blob.sha256);
      if (verified.has(blob.sha256) ? await hasSize(path, blob) : await verifies(path, blob)) {
        const now = new Date(nowMs());
        await utimes(path, now, now);
      } else {
        await onDisk(path, blob.sizeBytes, () => mkdir(folder, { recursive: true }));
        await download(store, blob, path, signal);
        if (++fetched % TRIM_EVERY === 0) await trim(blobs, cacheBytes, nowMs());
      }
      verified.add(blob.sha256);
      return path;
    },
    async scratch(...parts) {
      const path = join(dir, 'scratch', ...parts);
      await onDisk(path, 0, () => mkdir(path, { recursive: true }));
      return path;
    },
    removeScratch: (...parts) => rm(join(dir, 'scratch', ...parts), { recursive: true, force: true }),
  };
}

async function download(store: ObjectStore, blob: BlobRef, path: string, signal?: AbortSignal): Promise<void> {
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    await onDisk(path, blob.sizeBytes, () =>
      store.getFile(blob.key, temporary, { sha256: blob.sha256, ...(signal ? { signal } : {}) }),
    );
    await rename(temporary, path);
  } finally {
    await rm(temporary, { force: true });
  }
}

async function hasSize(path: string, blob: BlobRef): Promise<boolean> {
  try {
    return (await stat(path)).size === blob.sizeBytes;
  } catch {
    return false;
  }
}

async function verifies(path: string, blob: BlobRef): Promise<boolean> {
  if (!(await hasSize(path, blob))) return false;
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 20 })) hash.update(chunk);
  return hash.digest('hex') === blob.sha256;
}

/** Deletes the blobs that were not used for longest until the rest fits, sparing what may be open. */
async function trim(blobs: string, cacheBytes: number, now: number): Promise<void> {
  const files: { path: string; size: number; usedMs: number }[] = [];
  for (const name of await readdir(blobs, { recursive: true })) {
    const path = join(blobs, name);
    // Another process may have deleted it in between.
    const info = await stat(path).catch(() => null);
    if (info?.isFile()) files.push({ path, size: info.size, usedMs: info.mtimeMs });
  }
  let total = files.reduce((sum, { size }) => sum + size, 0);
  for (const { path, size, usedMs } of files.sort((a, b) => a.usedMs - b.usedMs)) {
    if (total <= cacheBytes || now - usedMs < IN_USE_MS) return;
    await rm(path, { force: true });
    total -= size;
  }
}

/** Names a full disk for what it is, with how much was needed. */
async function onDisk<T>(path: string, sizeBytes: number, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const errno = errnoOf(error);
    if (errno !== 'ENOSPC' && errno !== 'EDQUOT') throw error;
    const needed = `${Math.ceil(sizeBytes / 2 ** 20)} MiB of free space`;
    throw transientError(
      'DISK_FULL',
      path,
      messageOf(error),
      needed,
      'free some space; the run goes on by itself',
      error,
    );
  }
}
