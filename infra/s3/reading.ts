import { createHash, randomBytes } from 'node:crypto';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { dirname } from 'node:path';
import { Readable } from 'node:stream';
import { errnoOf, inputError, messageOf, transientError } from '../../core/errors.ts';
import type { GraftError } from '../../core/errors.ts';
import type { GetOptions, ObjectInfo } from '../ports/object-store.ts';
import { CorruptFault, HttpFault, placeText, storeError } from './faults.ts';
import type { Place } from './faults.ts';
import { drain, headerOf } from './wire.ts';
import type { Wire } from './wire.ts';
import { unquote } from './xml.ts';

/**
 * graft leaves the SHA-256 of every object in its metadata, so that a read is verified where the caller knows no hash
 * too (moving pointers, files of other runs). Objects that others wrote have none and are taken as they come.
 */
export const HASH_HEADER = 'x-amz-meta-graft-sha256';

const BLOCK_BYTES = 2 ** 20;
const DEFAULT_MAX_BYTES = 64 * 2 ** 20;

/** Null when the object, but not the bucket, is absent. */
export async function getObject(
  wire: Wire,
  key: string,
  { sha256, maxBytes = DEFAULT_MAX_BYTES, signal }: GetOptions,
): Promise<{ body: Uint8Array; etag: string } | null> {
  return wire.perform(key, signal, () =>
    orNull(async () => {
      const response = await wire.send({ method: 'GET', key, signal });
      const chunks: Uint8Array[] = [];
      for await (const chunk of verified(response, sha256, maxBytes, wire.place(key))) chunks.push(chunk);
      return { body: Buffer.concat(chunks), etag: unquote(headerOf(response, 'etag')) };
    }),
  );
}

/** Each attempt starts from the first byte, in a temporary file of its own beside `path`. */
export async function getObjectFile(wire: Wire, key: string, path: string, options: GetOptions): Promise<void> {
  const { sha256, maxBytes = Infinity, signal } = options;
  await onDisk(dirname(path), () => mkdir(dirname(path), { recursive: true }));
  await wire.perform(key, signal, async () => {
    const response = await wire.send({ method: 'GET', key, signal });
    const temporary = `${path}.${randomBytes(6).toString('hex')}.part`;
    try {
      const file = await onDisk(temporary, () => open(temporary, 'wx'));
      try {
        for await (const block of blocks(verified(response, sha256, maxBytes, wire.place(key)))) {
          await onDisk(temporary, () => file.writeFile(block));
        }
      } finally {
        await file.close();
      }
      await onDisk(path, () => rename(temporary, path));
    } catch (error) {
      response.destroy();
      await rm(temporary, { force: true });
      throw error;
    }
  });
}

/**
 * The request is retried until its headers are there; what fails later comes as an error of the stream, in the
 * port's terms, STORE_CORRUPT after the last byte where the hash does not verify.
 */
export async function streamObject(wire: Wire, key: string, signal: AbortSignal | undefined): Promise<Readable> {
  const response = await wire.perform(key, signal, () => wire.send({ method: 'GET', key, signal }));
  const place = wire.place(key);
  async function* chunks(): AsyncGenerator<Uint8Array> {
    try {
      yield* verified(response, undefined, Infinity, place);
    } catch (error) {
      throw storeError(error, place);
    }
  }
  const body = Readable.from(chunks(), { objectMode: false });
  // A generator that was never started does not run its clean-up.
  body.once('close', () => response.destroy());
  return body;
}

/** Null when the object, but not the bucket, is absent: a HEAD has no body that says which it is. */
export async function headObject(
  wire: Wire,
  key: string,
  signal: AbortSignal | undefined,
  bucketIsThere: () => Promise<void>,
): Promise<(ObjectInfo & { sha256: string }) | null> {
  const found = await wire.perform(key, signal, () =>
    orNull(async () => {
      const response = await wire.send({ method: 'HEAD', key, signal });
      await drain(response);
      return {
        key,
        sizeBytes: Number(headerOf(response, 'content-length')),
        etag: unquote(headerOf(response, 'etag')),
        modifiedAt: new Date(headerOf(response, 'last-modified')),
        sha256: headerOf(response, HASH_HEADER),
      };
    }),
  );
  if (found === null) await bucketIsThere();
  return found;
}

/** The chunks of a body; throws CorruptFault at its end when it does not verify, STORE_SIZE when it grows too long. */
async function* verified(
  response: IncomingMessage,
  expected: string | undefined,
  maxBytes: number,
  place: Place,
): AsyncGenerator<Uint8Array> {
  const wanted = expected ?? headerOf(response, HASH_HEADER);
  const hash = wanted === '' ? null : createHash('sha256');
  const announced = Number(headerOf(response, 'content-length') || Number.NaN);
  if (announced > maxBytes) {
    response.destroy();
    throw tooLong(place, announced, maxBytes);
  }
  let bytes = 0;
  for await (const chunk of response) {
    if (!(chunk instanceof Uint8Array)) continue;
    bytes += chunk.length;
    if (bytes > maxBytes) throw tooLong(place, bytes, maxBytes);
    hash?.update(chunk);
    yield chunk;
  }
  if (!response.complete || (Number.isFinite(announced) && bytes !== announced)) {
    throw new CorruptFault(`the body ended after ${bytes} of ${announced} bytes`);
  }
  const actual = hash?.digest('hex');
  if (actual !== undefined && actual !== wanted) {
    throw new CorruptFault(`${bytes} bytes with SHA-256 ${actual.slice(0, 12)}…, not ${wanted.slice(0, 12)}…`);
  }
}

/** Sockets give 64 KiB at a time; fewer, larger writes halve the work. */
async function* blocks(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let waiting: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of chunks) {
    waiting.push(chunk);
    bytes += chunk.length;
    if (bytes < BLOCK_BYTES) continue;
    yield Buffer.concat(waiting);
    waiting = [];
    bytes = 0;
  }
  if (bytes > 0) yield Buffer.concat(waiting);
}

function tooLong(place: Place, seenBytes: number, maxBytes: number): GraftError {
  return inputError('STORE_SIZE', placeText(place), `${seenBytes} bytes`, `at most ${maxBytes}`, 'read it as a file');
}

async function orNull<T>(read: () => Promise<T>): Promise<T | null> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof HttpFault && error.status === 404 && error.s3Code !== 'NoSuchBucket') return null;
    throw error;
  }
}

/** Faults of the local disk are not the store's, so they must not be retried as such. */
export async function onDisk<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === undefined) throw error;
    if (errno === 'ENOSPC' || errno === 'EDQUOT') {
      throw transientError('DISK_FULL', path, errno, 'room on the disk', 'free some and try again', error);
    }
    if (errno === 'ENOENT') throw inputError('FILE_MISSING', path, 'no such file', 'a readable file', 'check the path');
    throw inputError('FILE_ACCESS', path, messageOf(error), 'a file this user may use', 'check owner and mode');
  }
}
