import { createHash } from 'node:crypto';
import { z } from 'zod';
import { canonicalJson } from '../../core/canonical-json.ts';
import type { Json } from '../../core/canonical-json.ts';
import { transientError } from '../../core/errors.ts';
import type { GraftError } from '../../core/errors.ts';
import type { BlobRef } from '../../contracts/manifests.ts';
import type { ObjectStore } from '../../infra/ports/object-store.ts';
import { sha256Of } from './hash.ts';

/** Values as lines of canonical JSON: equal values have equal bytes. */
export function encodeLines(values: Iterable<Json>): Uint8Array {
  const lines: string[] = [];
  for (const value of values) lines.push(`${canonicalJson(value)}\n`);
  return new TextEncoder().encode(lines.join(''));
}

/** Stores bytes under a key that is unique or says what they are. */
export async function putPart(
  store: ObjectStore,
  key: string,
  body: Uint8Array,
  signal: AbortSignal,
  contentType = 'application/x-ndjson',
): Promise<BlobRef> {
  await store.put(key, body, { contentType, signal });
  return { key, sha256: sha256Of(body), sizeBytes: body.length };
}

/**
 * Streams the values of a part of any size. STORE_CORRUPT (transient) where the hash or a line does not verify; null
 * where there is no such object is not an answer here: STORE_NOT_FOUND is thrown by the store.
 */
export async function* readLines<T extends z.ZodType>(
  store: ObjectStore,
  part: BlobRef,
  schema: T,
  signal: AbortSignal,
): AsyncGenerator<z.output<T>> {
  const where = `${store.bucket}/${part.key}`;
  const hash = createHash('sha256');
  const decoder = new TextDecoder();
  let rest = '';
  const body = await store.stream(part.key, { signal });
  for await (const chunk of body) {
    const bytes = bytesOf(chunk);
    hash.update(bytes);
    const lines = (rest + decoder.decode(bytes, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) yield parseLine(line, schema, where);
  }
  if (rest !== '') throw corrupt(where, 'an unfinished line');
  if (hash.digest('hex') !== part.sha256) throw corrupt(where, 'another SHA-256 than its manifest says');
}

/** The paths of a part of a side. */
export async function pathsOf(store: ObjectStore, part: BlobRef, signal: AbortSignal): Promise<ReadonlySet<string>> {
  const paths = new Set<string>();
  for await (const path of readLines(store, part, z.string(), signal)) paths.add(path);
  return paths;
}

function parseLine<T extends z.ZodType>(line: string, schema: T, where: string): z.output<T> {
  try {
    return schema.parse(JSON.parse(line));
  } catch {
    throw corrupt(where, `a line that does not parse: ${line.slice(0, 80)}`);
  }
}

function bytesOf(chunk: unknown): Uint8Array {
  if (chunk instanceof Uint8Array) return chunk;
  throw new Error('the store streams something other than bytes');
}

const corrupt = (where: string, seen: string): GraftError =>
  transientError('STORE_CORRUPT', where, seen, 'the bytes that were written', 'remove it, so that it is made anew');
