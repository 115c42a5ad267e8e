import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { transientError } from '../../core/errors.ts';
import type { Sha256 } from '../../core/ids.ts';
import type { PutOptions } from '../ports/object-store.ts';
import { HttpFault } from './faults.ts';
import { PARTS_AT_ONCE } from './options.ts';
import { HASH_HEADER, headObject, onDisk } from './reading.ts';
import { drain, escapeQuery, headerOf, readText } from './wire.ts';
import type { Wire } from './wire.ts';
import { completeBody, parseErrorBody, parseUploadId, unquote } from './xml.ts';

export type Condition = { readonly 'if-none-match': '*' } | { readonly 'if-match': string };

const MAX_PARTS = 10_000;
const ABORT_TIMEOUT_MS = 10_000;

const hashOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** One attempt to PUT a whole object, with the hash in its metadata; `known` is that of the body. Resolves to the ETag. */
export async function putOnce(
  wire: Wire,
  key: string,
  body: Uint8Array,
  options: PutOptions,
  condition?: Condition,
  known?: Sha256,
): Promise<string> {
  const sha256 = known ?? hashOf(body);
  const response = await wire.send({
    method: 'PUT',
    key,
    body,
    sha256,
    headers: { ...objectHeaders(sha256, options.contentType), ...condition },
    signal: options.signal,
  });
  await drain(response);
  return unquote(headerOf(response, 'etag'));
}

/**
 * Streams a file of any size in bounded memory: one PUT up to `wholeBytes`, else a multipart upload of its own,
 * never one that somebody left. The object appears only after every byte was hashed and found right.
 */
export async function putObjectFile(
  wire: Wire,
  key: string,
  path: string,
  sha256: Sha256,
  options: PutOptions,
): Promise<void> {
  const file = await onDisk(path, () => open(path, 'r'));
  try {
    const { size } = await onDisk(path, () => file.stat());
    if (size <= wire.options.wholeBytes) {
      const body = await onDisk(path, () => file.readFile());
      refuseChanged(path, sha256, hashOf(body));
      await wire.perform(key, options.signal, () => putOnce(wire, key, body, options, undefined, sha256));
    } else {
      await uploadParts(wire, key, { file, path, sizeBytes: size, sha256 }, options);
    }
  } finally {
    await file.close();
  }
}

interface Source {
  readonly file: FileHandle;
  readonly path: string;
  readonly sizeBytes: number;
  readonly sha256: Sha256;
}

async function uploadParts(wire: Wire, key: string, source: Source, options: PutOptions): Promise<void> {
  const { signal } = options;
  const uploadId = await wire.perform(key, signal, async () => {
    const headers = objectHeaders(source.sha256, options.contentType);
    return parseUploadId(await readText(await wire.send({ method: 'POST', key, query: 'uploads', headers, signal })));
  });
  try {
    const etags = await sendParts(wire, key, uploadId, source, signal);
    await complete(wire, key, uploadId, etags, source, signal);
  } catch (error) {
    await abortUpload(wire, key, uploadId).catch(() => undefined);
    throw error;
  }
}

/** Reads and hashes in order, with up to three parts on the way. */
async function sendParts(
  wire: Wire,
  key: string,
  uploadId: string,
  source: Source,
  signal: AbortSignal | undefined,
): Promise<string[]> {
  const partBytes = partSize(source.sizeBytes, wire.options.partSizeBytes);
  const hash = createHash('sha256');
  const etags: string[] = [];
  const stop = new AbortController();
  const either = signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal]);
  const under = new Set<Promise<void>>();
  try {
    for (let offset = 0, number = 1; offset < source.sizeBytes; offset += partBytes, number++) {
      const body = await readPart(source, offset, Math.min(partBytes, source.sizeBytes - offset));
      hash.update(body);
      const sent: Promise<void> = wire
        .perform(key, either, () => putPart(wire, key, uploadId, number, body, either))
        .then((etag) => {
          etags[number - 1] = etag;
          under.delete(sent);
        });
      // It is looked at below; until then a failure must not count as unhandled.
      sent.catch(() => undefined);
      under.add(sent);
      if (under.size >= PARTS_AT_ONCE) await Promise.race(under);
    }
    await Promise.all(under);
  } catch (error) {
    stop.abort();
    await Promise.allSettled(under);
    throw error;
  }
  refuseChanged(source.path, source.sha256, hash.digest('hex'));
  return etags;
}

async function putPart(
  wire: Wire,
  key: string,
  uploadId: string,
  number: number,
  body: Uint8Array,
  signal: AbortSignal,
): Promise<string> {
  const query = `partNumber=${number}&uploadId=${escapeQuery(uploadId)}`;
  const response = await wire.send({ method: 'PUT', key, query, body, signal });
  await drain(response);
  return unquote(headerOf(response, 'etag'));
}

/** A retry may find the upload gone because the first attempt's answer was lost: the object then says so itself. */
async function complete(
  wire: Wire,
  key: string,
  uploadId: string,
  etags: readonly string[],
  source: Source,
  signal: AbortSignal | undefined,
): Promise<void> {
  const query = `uploadId=${escapeQuery(uploadId)}`;
  await wire.perform(key, signal, async () => {
    try {
      const response = await wire.send({
        method: 'POST',
        key,
        query,
        body: completeBody(etags),
        headers: { 'content-type': 'application/xml' },
        signal,
        idleMs: wire.options.timeouts.completeMs,
      });
      // AWS answers 200 before it knows how joining ends; the body tells.
      const said = parseErrorBody(await readText(response));
      if (said.code !== '') throw new HttpFault(500, said.code, said.message);
    } catch (error) {
      if (!(error instanceof HttpFault) || error.status !== 404) throw error;
      const found = await headObject(wire, key, signal, () => Promise.resolve());
      if (found?.sha256 !== source.sha256 || found.sizeBytes !== source.sizeBytes) throw error;
    }
  });
}

/** Idempotent. Not tied to the caller's signal: it cleans up after a cancelled upload too. */
export async function abortUpload(wire: Wire, key: string, uploadId: string): Promise<void> {
  const signal = AbortSignal.timeout(ABORT_TIMEOUT_MS);
  await wire.perform(key, signal, async () => {
    try {
      const query = `uploadId=${escapeQuery(uploadId)}`;
      await drain(await wire.send({ method: 'DELETE', key, query, signal }));
    } catch (error) {
      if (!(error instanceof HttpFault) || error.status !== 404) throw error;
    }
  });
}

async function readPart(source: Source, offset: number, bytes: number): Promise<Uint8Array> {
  const body = Buffer.allocUnsafe(bytes);
  let filled = 0;
  while (filled < bytes) {
    const { bytesRead } = await onDisk(source.path, () =>
      source.file.read(body, filled, bytes - filled, offset + filled),
    );
    if (bytesRead === 0) throw changed(source.path, `${offset + filled} bytes`, `${source.sizeBytes} bytes`);
    filled += bytesRead;
  }
  return body;
}

/** S3 takes 10,000 parts at most; past that the parts grow, in whole MiB. */
export function partSize(sizeBytes: number, wantedBytes: number): number {
  const mib = 2 ** 20;
  return Math.max(wantedBytes, Math.ceil(sizeBytes / MAX_PARTS / mib) * mib);
}

function objectHeaders(sha256: string, contentType = 'application/octet-stream'): Record<string, string> {
  return { 'content-type': contentType, [HASH_HEADER]: sha256 };
}

function refuseChanged(path: string, expected: string, actual: string): void {
  if (actual !== expected) throw changed(path, `SHA-256 ${actual.slice(0, 12)}…`, `${expected.slice(0, 12)}…`);
}

function changed(path: string, seen: string, expected: string): Error {
  return transientError(
    'STORE_CORRUPT',
    path,
    seen,
    expected,
    'the file changed before or during its upload: remake it',
  );
}
