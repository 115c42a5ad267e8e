import { randomUUID } from 'node:crypto';
import { GraftError, inputError } from '../../core/errors.ts';
import { err, ok } from '../../core/result.ts';
import type { Result } from '../../core/result.ts';
import type { S3ObjectStore } from './s3-object-store.ts';

export type ProbedStore = Pick<
  S3ObjectStore,
  'bucket' | 'endpoint' | 'put' | 'putIfAbsent' | 'putWhen' | 'get' | 'delete'
>;

const text = (words: string): Uint8Array => new TextEncoder().encode(words);
const WRONG_ETAG = '"00000000000000000000000000000000"';

/**
 * Asks the store, under a key of its own below `.graft-probe/`, whether it honours `If-None-Match: *` and `If-Match`,
 * on which commit markers and aliases stand. An error is STORE_CONDITIONAL where it does not (an old server, a proxy
 * that strips headers), or what kept it from answering. Leaves nothing behind.
 */
export async function probeConditionalWrites(store: ProbedStore): Promise<Result<void, GraftError>> {
  const key = `.graft-probe/${randomUUID()}`;
  try {
    const fault = await ignoredCondition(store, key);
    return fault === undefined ? ok(undefined) : err(refusal(store, fault));
  } catch (error) {
    if (!(error instanceof GraftError)) throw error;
    const onlyConditions = REFUSALS.has(error.code) && (await plainWritesWork(store, key));
    return err(
      onlyConditions ? refusal(store, `plain writes work, conditional ones do not: ${error.parts.seen}`) : error,
    );
  } finally {
    await store.delete(key).catch(() => undefined);
  }
}

/** A header that was changed on the way breaks the signature, and some stores answer `NotImplemented`. */
const REFUSALS = new Set(['STORE_DENIED', 'STORE_REFUSED']);

async function plainWritesWork(store: ProbedStore, key: string): Promise<boolean> {
  try {
    await store.put(key, text('plain'));
    return true;
  } catch {
    return false;
  }
}

/** The condition that was not kept, in words; undefined when all were. */
async function ignoredCondition(store: ProbedStore, key: string): Promise<string | undefined> {
  const first = await store.putIfAbsent(key, text('first'));
  if (first.kind === 'conflict') return 'If-None-Match: * was refused on a key that did not exist';
  if ((await store.putWhen(key, text('second'), { 'if-none-match': '*' })) !== null) {
    return 'If-None-Match: * was ignored: an existing object was overwritten';
  }
  if ((await store.putWhen(key, text('third'), { 'if-match': WRONG_ETAG })) !== null) {
    return 'If-Match was ignored: an object with another ETag was overwritten';
  }
  const moved = await store.putWhen(key, text('fourth'), { 'if-match': `"${first.etag}"` });
  const now = await store.get(key);
  const body = now === null ? 'nothing' : new TextDecoder().decode(now.body);
  // A lost acknowledgement reads as a refusal, so the content decides.
  if (body === 'fourth') return undefined;
  return moved === null
    ? 'If-Match with the right ETag was refused'
    : `a write was acknowledged, but ${JSON.stringify(body.slice(0, 20))} is stored`;
}

function refusal(store: ProbedStore, seen: string): GraftError {
  return inputError(
    'STORE_CONDITIONAL',
    `s3://${store.bucket} at ${store.endpoint}`,
    seen,
    'a store that honours If-None-Match and If-Match on PUT',
    'use AWS S3, R2, MinIO or versitygw of today, with no proxy between that strips If-* headers',
  );
}
