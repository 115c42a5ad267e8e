import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Readable } from 'node:stream';
import { GraftError, inputError, transientError } from '../../core/errors.ts';
import { checkKey, checkPrefix } from '../../infra/s3/keys.ts';
import type { GetOptions, ObjectInfo, ObjectStore } from '../../infra/ports/object-store.ts';

export type StoreCall = Exclude<keyof ObjectStore, 'bucket'>;

export interface MemoryStoreOptions {
  readonly bucket?: string;
  /** Milliseconds since the epoch for `modifiedAt`; by default a counter, so that runs repeat. */
  readonly nowMs?: () => number;
  /** Called before each operation takes effect; what it throws, the call rejects with: kills, lost networks. */
  readonly before?: (call: StoreCall, key: string) => void | Promise<void>;
}

export interface MemoryObjectStore extends ObjectStore {
  /** Keys in order, without going through `before`. */
  keys(): string[];
  /** Damages what is stored behind the store's back, as a failing disk does. */
  corrupt(key: string, damage: (body: Uint8Array) => Uint8Array): void;
}

interface Entry {
  readonly body: Buffer;
  readonly etag: string;
  /** What was written, to verify reads against. */
  readonly sha256: string;
  readonly modifiedAt: Date;
}

const DEFAULT_MAX_BYTES = 64 * 2 ** 20;
const digest = (algorithm: 'md5' | 'sha256', body: Uint8Array): string =>
  createHash(algorithm).update(body).digest('hex');

/** The object store port in memory, under the same conformance suite as the real ones. */
export function createMemoryObjectStore(options: MemoryStoreOptions = {}): MemoryObjectStore {
  const bucket = options.bucket ?? 'memory';
  const entries = new Map<string, Entry>();
  let ticks = 0;
  const nowMs = options.nowMs ?? (() => Date.UTC(2026, 0, 1) + 1000 * ticks++);

  const enter = async (call: StoreCall, key: string, signal?: AbortSignal): Promise<void> => {
    if (call === 'list') checkPrefix(bucket, key);
    else checkKey(bucket, key);
    stopIfAborted(signal, bucket, key);
    await options.before?.(call, key);
    stopIfAborted(signal, bucket, key);
  };
  const write = (key: string, bytes: Uint8Array): string => {
    const body = Buffer.from(bytes);
    const entry = { body, etag: digest('md5', body), sha256: digest('sha256', body), modifiedAt: new Date(nowMs()) };
    entries.set(key, entry);
    return entry.etag;
  };
  const sorted = (): string[] => [...entries.keys()].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  const read = (key: string, get: GetOptions): Entry | null => {
    const entry = entries.get(key);
    if (entry) verify(entry, get, `s3://${bucket}/${key}`);
    return entry ?? null;
  };
  const unlessSame = (key: string, body: Uint8Array): { kind: 'written'; etag: string } | { kind: 'conflict' } => {
    const entry = entries.get(key);
    return entry && entry.body.equals(body) ? { kind: 'written', etag: entry.etag } : { kind: 'conflict' };
  };

  return {
    bucket,
    async put(key, body, put) {
      await enter('put', key, put?.signal);
      return write(key, body);
    },
    async putIfAbsent(key, body, put) {
      await enter('putIfAbsent', key, put?.signal);
      return entries.has(key) ? unlessSame(key, body) : { kind: 'written', etag: write(key, body) };
    },
    async putIfMatch(key, body, etag, put) {
      await enter('putIfMatch', key, put?.signal);
      const matches = entries.get(key)?.etag === etag;
      return matches ? { kind: 'written', etag: write(key, body) } : unlessSame(key, body);
    },
    async putFile(key, path, sha256, put) {
      await enter('putFile', key, put?.signal);
      const body = await readFile(path).catch(() => {
        throw inputError('FILE_MISSING', path, 'no such file', 'a readable file', 'check the path');
      });
      if (digest('sha256', body) !== sha256) throw transientError('STORE_CORRUPT', path, 'other bytes', sha256);
      write(key, body);
    },
    async get(key, get = {}) {
      await enter('get', key, get.signal);
      const entry = read(key, { maxBytes: DEFAULT_MAX_BYTES, ...get });
      return entry && { body: Buffer.from(entry.body), etag: entry.etag };
    },
    async getFile(key, path, get = {}) {
      await enter('getFile', key, get.signal);
      await mkdir(dirname(path), { recursive: true });
      const entry = read(key, get) ?? missing(bucket, key);
      const temporary = `${path}.${randomBytes(6).toString('hex')}.part`;
      try {
        await writeFile(temporary, entry.body);
        await rename(temporary, path);
      } finally {
        await rm(temporary, { force: true });
      }
    },
    async stream(key, { signal } = {}) {
      await enter('stream', key, signal);
      const { body } = entries.get(key) ?? missing(bucket, key);
      return Readable.from(slices(body), { objectMode: false });
    },
    async head(key, { signal } = {}) {
      await enter('head', key, signal);
      const entry = entries.get(key);
      return entry ? infoOf(key, entry) : null;
    },
    async *list(prefix, { signal } = {}) {
      await enter('list', prefix, signal);
      for (const key of sorted()) {
        const entry = entries.get(key);
        if (entry && key.startsWith(prefix)) yield infoOf(key, entry);
      }
    },
    async delete(key) {
      await enter('delete', key);
      entries.delete(key);
    },
    keys: sorted,
    corrupt(key, damage) {
      const entry = entries.get(key) ?? missing(bucket, key);
      entries.set(key, { ...entry, body: Buffer.from(damage(entry.body)) });
    },
  };
}

function verify(entry: Entry, { sha256 = undefined, maxBytes = Infinity }: GetOptions, where: string): void {
  const bytes = entry.body.length;
  if (bytes > maxBytes) throw inputError('STORE_SIZE', where, `${bytes} bytes`, `at most ${maxBytes}`);
  const actual = digest('sha256', entry.body);
  const wanted = sha256 ?? entry.sha256;
  if (actual !== wanted) {
    throw transientError('STORE_CORRUPT', where, `SHA-256 ${actual.slice(0, 12)}…`, `${wanted.slice(0, 12)}…`);
  }
}

const infoOf = (key: string, { body, etag, modifiedAt }: Entry): ObjectInfo => ({
  key,
  sizeBytes: body.length,
  etag,
  modifiedAt,
});

function* slices(body: Buffer): Generator<Buffer> {
  for (let start = 0; start < body.length; start += 65_536) yield body.subarray(start, start + 65_536);
}

function missing(bucket: string, key: string): never {
  throw inputError('STORE_NOT_FOUND', `s3://${bucket}/${key}`, 'nothing', 'an existing object', 'check the name');
}

function stopIfAborted(signal: AbortSignal | undefined, bucket: string, key: string): void {
  if (!signal?.aborted) return;
  const parts = { kind: 'cancelled' as const, where: `s3://${bucket}/${key}`, seen: 'aborted by the caller' };
  throw new GraftError('CANCELLED', parts, { cause: signal.reason });
}
