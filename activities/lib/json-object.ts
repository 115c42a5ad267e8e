import { canonicalJson } from '../../core/canonical-json.ts';
import type { Json } from '../../core/canonical-json.ts';
import { GraftError, inputError, messageOf } from '../../core/errors.ts';
import type { Sha256 } from '../../core/ids.ts';
import { err, ok } from '../../core/result.ts';
import type { Result } from '../../core/result.ts';
import type { ConditionalPut, GetOptions, ObjectStore, PutOptions } from '../../infra/ports/object-store.ts';
import { sha256Of } from './hash.ts';

/** A JSON object of the store, with what is needed to refer to it and to move it on. */
export interface StoredJson<T> {
  readonly value: T;
  readonly etag: string;
  readonly sha256: Sha256;
}

/**
 * Reads and parses an object; null when it is absent. An error is what `parse` says, OBJECT_JSON (input) for what is
 * no JSON in UTF-8, or STORE_CORRUPT where the hash does not verify, after retries: of a manifest, all mean "use the
 * one before". Other failures of the store (STORE_UNREACHABLE, STORE_DENIED …) are thrown.
 */
export async function readJson<T>(
  store: ObjectStore,
  key: string,
  parse: (value: unknown) => Result<T, GraftError>,
  options: GetOptions = {},
): Promise<Result<StoredJson<T> | null, GraftError>> {
  try {
    const found = await store.get(key, options);
    if (found === null) return ok(null);
    const raw = parseText(found.body, `s3://${store.bucket}/${key}`);
    if (!raw.ok) return raw;
    const parsed = parse(raw.value);
    return parsed.ok ? ok({ value: parsed.value, etag: found.etag, sha256: sha256Of(found.body) }) : parsed;
  } catch (error) {
    if (error instanceof GraftError && error.code === 'STORE_CORRUPT') return err(error);
    throw error;
  }
}

/** A `parse` for `readJson`: OBJECT_FORMAT (input) where the value is not what the schema says. */
export function parseAs<T>(schema: {
  safeParse(value: unknown): { success: true; data: T } | { success: false; error: { message: string } };
}): (value: unknown) => Result<T, GraftError> {
  return (value) => {
    const parsed = schema.safeParse(value);
    if (parsed.success) return ok(parsed.data);
    return err(inputError('OBJECT_FORMAT', 'stored JSON', parsed.error.message.slice(0, 200), 'what graft writes'));
  };
}

export interface WrittenJson {
  readonly put: ConditionalPut;
  /** Of the bytes this call wants stored, whether it won or not. */
  readonly sha256: Sha256;
}

/** Canonical JSON, so that equal values have equal bytes: who writes the same manifest twice is told `written`. */
export async function writeJsonIfAbsent(
  store: ObjectStore,
  key: string,
  value: Json,
  options: PutOptions = {},
): Promise<WrittenJson> {
  const body = jsonBytes(value);
  return { put: await store.putIfAbsent(key, body, asJson(options)), sha256: sha256Of(body) };
}

/** For pointers that move. ETags may be hashes of content, so a value should differ from every earlier one (`seq`). */
export async function writeJsonIfMatch(
  store: ObjectStore,
  key: string,
  value: Json,
  etag: string,
  options: PutOptions = {},
): Promise<WrittenJson> {
  const body = jsonBytes(value);
  return { put: await store.putIfMatch(key, body, etag, asJson(options)), sha256: sha256Of(body) };
}

/** Unconditional: for keys that are unique or may be written over. */
export async function writeJson(
  store: ObjectStore,
  key: string,
  value: Json,
  options: PutOptions = {},
): Promise<{ etag: string; sha256: Sha256 }> {
  const body = jsonBytes(value);
  return { etag: await store.put(key, body, asJson(options)), sha256: sha256Of(body) };
}

/** Canonical JSON in UTF-8. */
export function jsonBytes(value: Json): Uint8Array {
  return new TextEncoder().encode(canonicalJson(value));
}

const asJson = (options: PutOptions): PutOptions => ({ contentType: 'application/json', ...options });

function parseText(body: Uint8Array, where: string): Result<unknown, GraftError> {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
    return ok(value);
  } catch (error) {
    const seen = `${body.length} bytes that are no JSON: ${messageOf(error).slice(0, 120)}`;
    return err(inputError('OBJECT_JSON', where, seen, 'JSON in UTF-8', 'remove the object or write it again'));
  }
}
