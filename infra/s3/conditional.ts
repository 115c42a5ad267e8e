import { GraftError, transientError } from '../../core/errors.ts';
import type { ConditionalPut, PutOptions } from '../ports/object-store.ts';
import { HttpFault, placeText } from './faults.ts';
import { getObject, headObject } from './reading.ts';
import { putOnce } from './writing.ts';
import type { Condition } from './writing.ts';
import type { Wire } from './wire.ts';

const CONFLICT: ConditionalPut = { kind: 'conflict' };
const ROUNDS = 3;

/**
 * One conditional PUT with retries, as the server answers it: null where its condition did not hold. A lost
 * acknowledgement reads as null too. 404 is AWS's answer to `If-Match` on a missing key.
 */
export async function conditionalPut(
  wire: Wire,
  key: string,
  body: Uint8Array,
  condition: Condition,
  options: PutOptions,
): Promise<string | null> {
  return wire.perform(key, options.signal, async () => {
    try {
      return await putOnce(wire, key, body, options, condition);
    } catch (error) {
      if (!(error instanceof HttpFault)) throw error;
      const missing = error.status === 404 && error.s3Code !== 'NoSuchBucket' && 'if-match' in condition;
      if (error.status === 412 || missing) return null;
      throw error;
    }
  });
}

export async function putIfAbsent(
  wire: Wire,
  key: string,
  body: Uint8Array,
  options: PutOptions,
): Promise<ConditionalPut> {
  for (let round = 0; round < ROUNDS; round++) {
    const etag = await conditionalPut(wire, key, body, { 'if-none-match': '*' }, options);
    if (etag !== null) return { kind: 'written', etag };
    const present = await sameContent(wire, key, body, options);
    // Absent: it was deleted in between, so the next round may write it.
    if (present !== 'absent') return present;
  }
  throw transientError(
    'STORE_BUSY',
    placeText(wire.place(key)),
    'If-None-Match refused although no object is there',
    'one or the other',
    'if it stays so, the store kept metadata of a write that was cut off: remove it there',
  );
}

/**
 * The ETag is looked at first, because some servers take `If-Match` on a missing key as no condition at all
 * (minio/minio#21526); the condition itself settles every race.
 */
export async function putIfMatch(
  wire: Wire,
  key: string,
  body: Uint8Array,
  etag: string,
  options: PutOptions,
  bucketIsThere: () => Promise<void>,
): Promise<ConditionalPut> {
  const now = await headObject(wire, key, options.signal, bucketIsThere);
  if (now === null) return CONFLICT;
  if (now.etag === etag) {
    const written = await conditionalPut(wire, key, body, { 'if-match': `"${etag}"` }, options);
    if (written !== null) return { kind: 'written', etag: written };
  }
  const present = await sameContent(wire, key, body, options);
  return present === 'absent' ? CONFLICT : present;
}

/** A refused write whose bytes are there all the same is one whose acknowledgement was lost. */
async function sameContent(
  wire: Wire,
  key: string,
  body: Uint8Array,
  { signal }: PutOptions,
): Promise<ConditionalPut | 'absent'> {
  try {
    const found = await getObject(wire, key, { maxBytes: body.length, ...(signal === undefined ? {} : { signal }) });
    if (found === null) return 'absent';
    return Buffer.compare(found.body, body) === 0 ? { kind: 'written', etag: found.etag } : CONFLICT;
  } catch (error) {
    if (error instanceof GraftError && error.code === 'STORE_SIZE') return CONFLICT;
    throw error;
  }
}
