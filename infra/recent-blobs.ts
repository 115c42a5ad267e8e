import { createHash } from 'node:crypto';
import type { ObjectStore } from './ports/object-store.ts';

/** Bytes that are remembered, at most; an entry counts as some hundred more than it holds. */
const MAX_BYTES = 32 * 2 ** 20;
const ENTRY_BYTES = 512;
/** Larger objects would push out too many small ones, of which each costs a request of its own. */
const LARGEST_BYTES = 256 * 1024;
/** Between two stages of a run lie seconds; a worker at rest holds nothing. */
const KEPT_MS = 60_000;

/** Keys that name their content: what was stored under one once is what is stored there ever. */
const CONTENT_KEY = /^blobs\/sha256\/[0-9a-f]{2}\/([0-9a-f]{64})$/;

interface Blob {
  readonly body: Uint8Array;
  readonly etag: string;
}

/**
 * The same store, which remembers the newest small blobs that this process has put into it: the stage that renders pictures
 * then asks the store for those alone that another process read, or that it read long ago. What is remembered is verified
 * by its hash when it is used, as what comes from the store is.
 */
export function withRecentBlobs(store: ObjectStore, { maxBytes = MAX_BYTES, keptMs = KEPT_MS } = {}): ObjectStore {
  const recent = new RecentBlobs(maxBytes, keptMs);
  return {
    ...store,
    put: async (key, body, options) => {
      const etag = await store.put(key, body, options);
      recent.add(key, { body, etag });
      return etag;
    },
    putIfAbsent: async (key, body, options) => {
      const put = await store.putIfAbsent(key, body, options);
      if (put.kind === 'written') recent.add(key, { body, etag: put.etag });
      return put;
    },
    get: async (key, options) => {
      options?.signal?.throwIfAborted();
      return recent.find(key) ?? store.get(key, options);
    },
    delete: async (key) => {
      recent.forget(key);
      await store.delete(key);
    },
  };
}

class RecentBlobs {
  private readonly blobs = new Map<string, Blob>();
  private readonly maxBytes: number;
  private readonly keptMs: number;
  private bytes = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(maxBytes: number, keptMs: number) {
    this.maxBytes = maxBytes;
    this.keptMs = keptMs;
  }

  add(key: string, blob: Blob): void {
    if (blob.body.length > LARGEST_BYTES || !CONTENT_KEY.test(key)) return;
    this.forget(key);
    this.blobs.set(key, blob);
    this.bytes += blob.body.length + ENTRY_BYTES;
    for (const [oldest] of this.blobs) {
      if (this.bytes <= this.maxBytes) break;
      this.forget(oldest);
    }
    this.keep();
  }

  /** Null where it is not remembered, or memory has failed it. */
  find(key: string): Blob | null {
    const found = this.blobs.get(key);
    if (found === undefined) return null;
    this.keep();
    const sha256 = createHash('sha256').update(found.body).digest('hex');
    if (sha256 === CONTENT_KEY.exec(key)?.[1]) return found;
    this.forget(key);
    return null;
  }

  forget(key: string): void {
    const found = this.blobs.get(key);
    if (found === undefined) return;
    this.blobs.delete(key);
    this.bytes -= found.body.length + ENTRY_BYTES;
  }

  /** The time begins anew. */
  private keep(): void {
    if (this.timer !== undefined) {
      this.timer.refresh();
      return;
    }
    this.timer = setTimeout(() => {
      this.timer = undefined;
      this.blobs.clear();
      this.bytes = 0;
    }, this.keptMs);
    this.timer.unref();
  }
}
