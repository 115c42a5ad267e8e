import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { GraftError } from '../../core/errors.ts';
import { asSha256 } from '../../core/ids.ts';
import type { Sha256 } from '../../core/ids.ts';
import type { ObjectStore } from '../../infra/ports/object-store.ts';

/** One implementation under test, on an empty bucket of its own. */
export interface StoreHarness {
  readonly store: ObjectStore;
  /** Where a single PUT ends and parts begin; sizes around it are tried. */
  readonly partSizeBytes: number;
  /** The same bucket with credentials that are wrong, where there are any. */
  readonly denied?: ObjectStore;
  readonly unreachable?: ObjectStore;
  /** The same service with a bucket that does not exist. */
  readonly noBucket?: ObjectStore;
  stop(): Promise<void>;
}

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
export const text = (body: Uint8Array | undefined): string => new TextDecoder().decode(body);
export const sha256 = (body: Uint8Array): Sha256 => asSha256(createHash('sha256').update(body).digest('hex'));

/** `ok`, or the code of the GraftError; anything else is thrown on. */
export async function outcome(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return 'ok';
  } catch (error) {
    if (error instanceof GraftError) return error.code;
    throw error;
  }
}

export async function collect(stream: Readable): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) if (chunk instanceof Uint8Array) chunks.push(chunk);
  return Buffer.concat(chunks);
}

export async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

export async function keysUnder(store: ObjectStore, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list(prefix)) keys.push(key);
  return keys;
}

/** The hash of nothing that is ever written. */
export const WRONG = asSha256('0'.repeat(64));

/** What the parts of the suite share; functions, because it exists only once the tests run. */
export interface StoreKit {
  harness(): StoreHarness;
  store(): ObjectStore;
  /** A folder for files, removed at the end. */
  folder(): string;
  /** A prefix that no other test uses. */
  prefix(): string;
  /** A new file with these bytes. */
  fileOf(body: Uint8Array): Promise<string>;
}
