import type { Readable } from 'node:stream';
import type { Sha256 } from '../../core/ids.ts';

/** What the store knows of an object without reading it. */
export interface ObjectInfo {
  readonly key: string;
  readonly sizeBytes: number;
  /** Opaque version tag, unquoted; what `If-Match` compares. Not a hash of the content. */
  readonly etag: string;
  readonly modifiedAt: Date;
}

/** The outcome of a conditional write: `conflict` is an expected answer, not an error. */
export type ConditionalPut = { readonly kind: 'written'; readonly etag: string } | { readonly kind: 'conflict' };

/**
 * The narrow storage port (architecture §2.2). Every implementation passes test/conformance/object-store.ts.
 *
 * Keys are relative to the bucket. Errors are GraftErrors that carry bucket and key with the cause:
 * KEY_INVALID (input), STORE_NOT_FOUND, STORE_DENIED and STORE_BUCKET (input), STORE_UNREACHABLE, STORE_TIMEOUT,
 * STORE_BUSY, STORE_FULL and STORE_CORRUPT (transient; a hash that does not verify). Rarer ones: STORE_SIZE (input; more
 * than `maxBytes`), STORE_ENDPOINT and STORE_TLS (input; no S3 there, a certificate that is not trusted), STORE_REFUSED
 * (failed; an answer that fits nowhere else), CANCELLED (`signal`), and of the local disk FILE_MISSING and FILE_ACCESS
 * (input) and DISK_FULL (transient).
 * Keys are 1 … 1,024 bytes of UTF-8 without control characters, leading or trailing slash, or empty, `.` or `..` segments.
 * Every call has a timeout and its own retries with jitter; `signal` gives up early.
 */
export interface ObjectStore {
  readonly bucket: string;

  /** Small object, whole, unconditional (callers choose unique keys). Resolves to the new ETag. */
  put(key: string, body: Uint8Array, options?: PutOptions): Promise<string>;
  /** `If-None-Match: *`. A lost acknowledgement is recognised: an existing object with the same bytes is `written`. */
  putIfAbsent(key: string, body: Uint8Array, options?: PutOptions): Promise<ConditionalPut>;
  /** `If-Match: etag`, for pointers that move. */
  putIfMatch(key: string, body: Uint8Array, etag: string, options?: PutOptions): Promise<ConditionalPut>;
  /** A file of any size, streamed, unconditional (unique or content-addressed keys only); its bytes are hashed on the way and checked against `sha256`. */
  putFile(key: string, path: string, sha256: Sha256, options?: PutOptions): Promise<void>;

  /** Whole object in memory, up to `maxBytes` (default 64 MiB); verified when `sha256` is given. Null when absent. */
  get(key: string, options?: GetOptions): Promise<{ body: Uint8Array; etag: string } | null>;
  /** Downloads to `path` through a temporary file beside it and a rename; verified when `sha256` is given. Throws STORE_NOT_FOUND. */
  getFile(key: string, path: string, options?: GetOptions): Promise<void>;
  /** A stream of the body; the caller must consume or destroy it. Throws STORE_NOT_FOUND. */
  stream(key: string, options?: { signal?: AbortSignal }): Promise<Readable>;
  /** Null when absent. */
  head(key: string, options?: { signal?: AbortSignal }): Promise<ObjectInfo | null>;
  /** All objects under a prefix, in key order, streamed page by page. */
  list(prefix: string, options?: { signal?: AbortSignal }): AsyncIterable<ObjectInfo>;
  /** Idempotent: deleting what is absent succeeds. */
  delete(key: string): Promise<void>;
}

export interface PutOptions {
  readonly contentType?: string;
  readonly signal?: AbortSignal;
}

export interface GetOptions {
  readonly sha256?: Sha256;
  readonly maxBytes?: number;
  readonly signal?: AbortSignal;
}
