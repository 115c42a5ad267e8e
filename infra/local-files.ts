import { readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import type { BlobRef } from '../contracts/manifests.ts';
import { errnoOf, transientError } from '../core/errors.ts';
import type { GraftError } from '../core/errors.ts';
import { fileProblem, freeBytes, makeFolder, sha256OfFile } from './native/files.ts';
import type { Clock } from './ports/clock.ts';
import type { LocalFiles } from './ports/local-files.ts';
import type { ObjectStore } from './ports/object-store.ts';
import { systemClock } from './system-clock.ts';

export interface LocalFilesOptions {
  readonly store: Pick<ObjectStore, 'getFile'>;
  /** Made on first use: `blobs/<2>/<sha256>` and `scratch/…` lie below it. */
  readonly dir: string;
  /** Bytes of cached blobs above which those unused for longest go; 20 GiB by default. */
  readonly maxBytes?: number;
  readonly clock?: Pick<Clock, 'nowMs'>;
  /** Bytes that may still be written below a folder; the disk is asked by default. */
  readonly freeBytes?: (path: string) => Promise<number>;
}

const DEFAULT_MAX_BYTES = 20 * 2 ** 30;
/** A file that was asked for this recently may be open somewhere, in this process or another. */
const IN_USE_MS = 60 * 60 * 1000;

/**
 * A cache of stored blobs on this machine's disk, and scratch folders. A blob's time of change is the time of its last
 * use, by which eviction goes. Safe from several processes: blobs appear by rename, whole and verified, and what is
 * found is hashed again on a process's first use of it. `fetch` throws what the store throws, and DISK_FULL (transient).
 */
export function createLocalFiles(options: LocalFilesOptions): LocalFiles {
  const cache = new BlobCache(options);
  return {
    fetch: (blob, signal) => cache.fetch(blob, signal),
    adopt: (blob, path) => cache.adopt(blob, path),
    async scratch(...parts) {
      const path = scratchPath(options.dir, parts);
      await makeFolder(path);
      return path;
    },
    removeScratch: (...parts) => rm(scratchPath(options.dir, parts), { recursive: true, force: true }),
  };
}

class BlobCache {
  private readonly options: LocalFilesOptions;
  private readonly root: string;
  private readonly clock: Pick<Clock, 'nowMs'>;
  /** Files that this process has hashed or written, by path and inode. */
  private readonly verified = new Set<string>();

  constructor(options: LocalFilesOptions) {
    this.options = options;
    this.root = join(options.dir, 'blobs');
    this.clock = options.clock ?? systemClock;
  }

  async fetch(blob: BlobRef, signal: AbortSignal | undefined): Promise<string> {
    const folder = join(this.root, blob.sha256.slice(0, 2));
    const path = join(folder, blob.sha256);
    await makeFolder(folder);
    if (!(await this.isWhole(path, blob, signal))) {
      await this.makeRoom(blob, path);
      await this.options.store.getFile(blob.key, path, { sha256: blob.sha256, ...(signal ? { signal } : {}) });
      this.verified.add(await identityOf(path));
    }
    const now = new Date(this.clock.nowMs());
    try {
      await utimes(path, now, now);
      return path;
    } catch (error) {
      // Another process evicted it between the look and the touch.
      if (errnoOf(error) === 'ENOENT') return this.fetch(blob, signal);
      throw fileProblem(error, path);
    }
  }

  /** By rename: scratch folders and the cache are on one disk, so it takes no space and no time. */
  async adopt(blob: BlobRef, from: string): Promise<string> {
    const folder = join(this.root, blob.sha256.slice(0, 2));
    const path = join(folder, blob.sha256);
    await makeFolder(folder);
    await this.evict(blob.sizeBytes, 0);
    try {
      await rename(from, path);
      const now = new Date(this.clock.nowMs());
      await utimes(path, now, now);
    } catch (error) {
      throw fileProblem(error, from);
    }
    this.verified.add(await identityOf(path));
    return path;
  }

  private async isWhole(path: string, blob: BlobRef, signal: AbortSignal | undefined): Promise<boolean> {
    try {
      const identity = await identityOf(path);
      if (this.verified.has(identity)) return true;
      const whole = (await stat(path)).size === blob.sizeBytes && (await sha256OfFile(path, signal)) === blob.sha256;
      if (whole) this.verified.add(identity);
      return whole;
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return false;
      throw fileProblem(error, path);
    }
  }

  /** Removes what was unused for longest until the blob fits under the limit and on the disk; DISK_FULL where it can't. */
  private async makeRoom(blob: BlobRef, path: string): Promise<void> {
    const free = this.options.freeBytes ?? freeBytes;
    await this.evict(blob.sizeBytes, blob.sizeBytes - (await free(this.root)));
    const left = await free(this.root);
    if (left < blob.sizeBytes) throw diskFull(path, left, blob.sizeBytes);
  }

  /** Removes what was unused for longest until so many more bytes are under the limit, and at least `wantedBytes`. */
  private async evict(moreBytes: number, wantedBytes: number): Promise<void> {
    const files = await this.listing();
    const cached = files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    let toGo = Math.max(cached + moreBytes - (this.options.maxBytes ?? DEFAULT_MAX_BYTES), wantedBytes);
    for (const file of files) {
      const unused = this.clock.nowMs() - file.usedMs > IN_USE_MS;
      if (unused && (toGo > 0 || file.unfinished)) {
        await rm(file.path, { force: true });
        toGo -= file.sizeBytes;
      }
    }
  }

  /** All files of the cache, the longest unused first. A file that another process removes meanwhile is left out. */
  private async listing(): Promise<CachedFile[]> {
    const files: CachedFile[] = [];
    for (const folder of await readdir(this.root)) {
      for (const name of await readdir(join(this.root, folder))) {
        const path = join(this.root, folder, name);
        const found = await stat(path).catch(() => null);
        // What a killed download leaves has a longer name than a hash.
        const unfinished = name.length > 64;
        if (found) files.push({ path, sizeBytes: found.size, usedMs: found.mtimeMs, unfinished });
      }
    }
    return files.sort((a, b) => a.usedMs - b.usedMs);
  }
}

interface CachedFile {
  readonly path: string;
  readonly sizeBytes: number;
  readonly usedMs: number;
  readonly unfinished: boolean;
}

async function identityOf(path: string): Promise<string> {
  const { ino, size } = await stat(path);
  return `${path}/${ino}/${size}`;
}

function diskFull(path: string, freeNow: number, needed: number): GraftError {
  const mib = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  return transientError(
    'DISK_FULL',
    path,
    `${mib(freeNow)} free`,
    `${mib(needed)} for this file`,
    'free space, or point GRAFT_STATE_DIR to another disk',
  );
}

/** Throws on names that would lead elsewhere: a programming error. */
function scratchPath(dir: string, parts: readonly string[]): string {
  for (const part of parts) {
    if (!/^[\w.-]{1,200}$/.test(part) || /^\.+$/.test(part)) throw new Error(`scratch folder ${JSON.stringify(part)}`);
  }
  if (parts.length === 0) throw new Error('scratch folder without a name');
  return join(dir, 'scratch', ...parts);
}
