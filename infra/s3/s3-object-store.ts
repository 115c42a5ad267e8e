import type { ObjectInfo, ObjectStore, PutOptions } from '../ports/object-store.ts';
import { conditionalPut, putIfAbsent, putIfMatch } from './conditional.ts';
import { HttpFault } from './faults.ts';
import { checkKey, checkPrefix } from './keys.ts';
import { resolveOptions } from './options.ts';
import type { S3Options } from './options.ts';
import { getObject, getObjectFile, headObject, streamObject } from './reading.ts';
import type { RetryTools } from './retry.ts';
import { createWire, drain, escapeQuery, readText } from './wire.ts';
import type { Wire } from './wire.ts';
import { abortUpload, putObjectFile, putOnce } from './writing.ts';
import type { Condition } from './writing.ts';
import { createBucketBody, parseList, parseUploads } from './xml.ts';
import type { ListedUpload } from './xml.ts';

/** The port over S3, with what only the edges of a process need. */
export interface S3ObjectStore extends ObjectStore {
  /** Scheme, host and port. */
  readonly endpoint: string;
  bucketExists(): Promise<boolean>;
  /** Succeeds when the bucket is already there and ours. Throws STORE_BUCKET or STORE_DENIED. */
  createBucket(): Promise<void>;
  /** The server's own answer to one conditional PUT, for probing: null where the condition did not hold. */
  putWhen(key: string, body: Uint8Array, condition: Condition): Promise<string | null>;
  /** Multipart uploads that were begun and neither completed nor aborted. MinIO takes whole keys or '' as a prefix. */
  unfinishedUploads(prefix: string): AsyncIterable<ListedUpload>;
  /** Idempotent. */
  abortUpload(upload: ListedUpload): Promise<void>;
  /** Closes idle connections. Calls under way are cut. */
  close(): void;
}

const PAGE = 1000;

/**
 * An object store on one bucket of any S3-compatible service. Nothing is contacted until the first call.
 * Throws STORE_ENDPOINT, STORE_BUCKET, STORE_DENIED or STORE_OPTION (input) for options that can't be right.
 */
export function createS3ObjectStore(options: S3Options, tools?: RetryTools): S3ObjectStore {
  const resolved = resolveOptions(options);
  const { bucket } = resolved;
  const wire = createWire(resolved, tools);
  const bucketIsThere = bucketCheck(wire);
  const checked = (key: string): string => {
    checkKey(bucket, key);
    return key;
  };

  // Async, so that a bad key rejects as every other failure does.
  return {
    bucket,
    endpoint: resolved.url.origin,
    put: async (key, body, put = {}) => wire.perform(checked(key), put.signal, () => putOnce(wire, key, body, put)),
    putIfAbsent: async (key, body, put = {}) => putIfAbsent(wire, checked(key), body, put),
    putIfMatch: async (key, body, etag, put = {}) => putIfMatch(wire, checked(key), body, etag, put, bucketIsThere),
    putFile: async (key, path, sha256, put: PutOptions = {}) => putObjectFile(wire, checked(key), path, sha256, put),
    get: async (key, get = {}) => getObject(wire, checked(key), get),
    getFile: async (key, path, get = {}) => getObjectFile(wire, checked(key), path, get),
    stream: async (key, { signal } = {}) => streamObject(wire, checked(key), signal),
    head: async (key, { signal } = {}) => {
      const found = await headObject(wire, checked(key), signal, bucketIsThere);
      return found && { key, sizeBytes: found.sizeBytes, etag: found.etag, modifiedAt: found.modifiedAt };
    },
    list: (prefix, { signal } = {}) => listObjects(wire, prefix, signal),
    delete: async (key) => deleteObject(wire, checked(key)),
    bucketExists: () => bucketExists(wire),
    createBucket: () => createBucket(wire),
    putWhen: async (key, body, condition) => conditionalPut(wire, checked(key), body, condition, {}),
    unfinishedUploads: (prefix) => listUploads(wire, prefix),
    abortUpload: ({ key, uploadId }) => abortUpload(wire, key, uploadId),
    close: () => wire.close(),
  };
}

/** Pages are asked for by the last key seen, so a retried page neither skips nor repeats. */
async function* listObjects(wire: Wire, prefix: string, signal: AbortSignal | undefined): AsyncGenerator<ObjectInfo> {
  checkPrefix(wire.options.bucket, prefix);
  let after = '';
  for (;;) {
    const start = after === '' ? '' : `&start-after=${escapeQuery(after)}`;
    const query = `list-type=2&encoding-type=url&max-keys=${PAGE}&prefix=${escapeQuery(prefix)}${start}`;
    const page = await wire.perform(undefined, signal, async () =>
      parseList(await readText(await wire.send({ method: 'GET', query, signal }))),
    );
    yield* page.objects;
    const last = page.objects.at(-1);
    if (!page.truncated || last === undefined) return;
    after = last.key;
  }
}

async function* listUploads(wire: Wire, prefix: string): AsyncGenerator<ListedUpload> {
  checkPrefix(wire.options.bucket, prefix);
  let marker = '';
  for (;;) {
    const query = `uploads&encoding-type=url&max-uploads=${PAGE}&prefix=${escapeQuery(prefix)}${marker}`;
    const page = await wire.perform(undefined, undefined, async () =>
      parseUploads(await readText(await wire.send({ method: 'GET', query }))),
    );
    yield* page.uploads;
    if (page.next === null) return;
    const { keyMarker, uploadIdMarker } = page.next;
    marker = `&key-marker=${escapeQuery(keyMarker)}&upload-id-marker=${escapeQuery(uploadIdMarker)}`;
  }
}

async function deleteObject(wire: Wire, key: string): Promise<void> {
  await wire.perform(key, undefined, async () => {
    try {
      await drain(await wire.send({ method: 'DELETE', key }));
    } catch (error) {
      if (!(error instanceof HttpFault) || error.status !== 404 || error.s3Code === 'NoSuchBucket') throw error;
    }
  });
}

async function bucketExists(wire: Wire): Promise<boolean> {
  return wire.perform(undefined, undefined, async () => {
    try {
      await drain(await wire.send({ method: 'HEAD' }));
      return true;
    } catch (error) {
      if (error instanceof HttpFault && error.status === 404) return false;
      throw error;
    }
  });
}

async function createBucket(wire: Wire): Promise<void> {
  const { region } = wire.options;
  await wire.perform(undefined, undefined, async () => {
    try {
      // AWS refuses its default region as a constraint.
      const body = region === 'us-east-1' ? {} : { body: createBucketBody(region) };
      await drain(await wire.send({ method: 'PUT', ...body }));
    } catch (error) {
      if (!(error instanceof HttpFault) || error.s3Code !== 'BucketAlreadyOwnedByYou') throw error;
    }
  });
}

/** Throws STORE_BUCKET when the bucket is gone; asks the server once, then remembers that it was there. */
function bucketCheck(wire: Wire): () => Promise<void> {
  let seen = false;
  return async () => {
    if (seen) return;
    await wire.perform(undefined, undefined, async () => {
      if (!(await bucketExists(wire))) throw new HttpFault(404, 'NoSuchBucket', 'there is no such bucket');
    });
    seen = true;
  };
}
