import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { GraftError, inputError } from '../../core/errors.ts';
import { AbortFault, CorruptFault, HttpFault, TimeoutFault, diagnose, storeError } from './faults.ts';

const place = { endpoint: 'http://s3.test:9000', bucket: 'bucket', key: 'a/b' };
const errno = (code: string): Error => Object.assign(new Error(`connect ${code}`), { code });

describe('diagnose', () => {
  it.each([
    [new HttpFault(503, 'SlowDown', ''), 'STORE_BUSY', 'transient', true],
    [new HttpFault(500, 'InternalError', ''), 'STORE_BUSY', 'transient', true],
    [new HttpFault(502, '', ''), 'STORE_BUSY', 'transient', true],
    [new HttpFault(429, '', ''), 'STORE_BUSY', 'transient', true],
    [new HttpFault(409, 'ConditionalRequestConflict', ''), 'STORE_BUSY', 'transient', true],
    [new HttpFault(409, 'ObjectParentIsFile', ''), 'STORE_REFUSED', 'failed', false],
    [new HttpFault(507, 'InsufficientStorage', ''), 'STORE_FULL', 'transient', false],
    [new HttpFault(507, '', ''), 'STORE_FULL', 'transient', false],
    [new HttpFault(403, 'QuotaExceeded', ''), 'STORE_FULL', 'transient', false],
    [new HttpFault(403, 'AccessDenied', ''), 'STORE_DENIED', 'input', false],
    [new HttpFault(403, '', ''), 'STORE_DENIED', 'input', false],
    [new HttpFault(400, 'ExpiredToken', ''), 'STORE_DENIED', 'input', false],
    [new HttpFault(400, 'BadDigest', ''), 'STORE_CORRUPT', 'transient', true],
    [new HttpFault(400, 'RequestTimeout', ''), 'STORE_TIMEOUT', 'transient', true],
    [new HttpFault(400, 'KeyTooLongError', ''), 'KEY_INVALID', 'input', false],
    [new HttpFault(400, 'MalformedXML', ''), 'STORE_REFUSED', 'failed', false],
    [new HttpFault(404, 'NoSuchBucket', ''), 'STORE_BUCKET', 'input', false],
    [new HttpFault(404, 'NoSuchKey', ''), 'STORE_NOT_FOUND', 'input', false],
    [new HttpFault(301, 'PermanentRedirect', ''), 'STORE_BUCKET', 'input', false],
    [new HttpFault(501, 'NotImplemented', ''), 'STORE_REFUSED', 'failed', false],
    [new TimeoutFault('connecting', 5), 'STORE_TIMEOUT', 'transient', true],
    [new CorruptFault('x'), 'STORE_CORRUPT', 'transient', true],
    [new AbortFault('x'), 'CANCELLED', 'cancelled', false],
    [errno('ECONNREFUSED'), 'STORE_UNREACHABLE', 'transient', true],
    [errno('ECONNRESET'), 'STORE_UNREACHABLE', 'transient', true],
    [errno('EPIPE'), 'STORE_UNREACHABLE', 'transient', true],
    [errno('ENOTFOUND'), 'STORE_UNREACHABLE', 'transient', true],
    [errno('HPE_INVALID_CONSTANT'), 'STORE_UNREACHABLE', 'transient', true],
    [errno('ERR_STREAM_PREMATURE_CLOSE'), 'STORE_UNREACHABLE', 'transient', true],
    [errno('DEPTH_ZERO_SELF_SIGNED_CERT'), 'STORE_TLS', 'input', false],
    [errno('ERR_TLS_CERT_ALTNAME_INVALID'), 'STORE_TLS', 'input', false],
  ])('%s is %s', (error, code, kind, retry) => {
    expect(diagnose(error)).toMatchObject({ code, kind, retry });
  });

  it('takes a bug for no failure of the store', () => {
    for (const error of [new TypeError('x is not a function'), errno('ERR_INVALID_ARG_TYPE'), 'text', undefined]) {
      expect(diagnose(error)).toBeUndefined();
    }
    const bug = new TypeError('x');
    expect(storeError(bug, place)).toBe(bug);
  });
});

describe('storeError', () => {
  it('names bucket, key, what was seen, how often, and what to do, and keeps the cause', () => {
    const cause = errno('ECONNREFUSED');
    const error = storeError(cause, place, 7);
    expect(error.message).toBe(
      'STORE_UNREACHABLE: s3://bucket/a/b — connection refused (7 attempts) — an S3 service at http://s3.test:9000 — ' +
        'start it (graft up), or check S3_ENDPOINT and the network',
    );
    expect(error).toBeInstanceOf(GraftError);
    expect(error.cause).toBe(cause);
  });

  it('keeps an error that is already in the terms of the port', () => {
    const error = inputError('STORE_SIZE', 'x', 'y');
    expect(storeError(error, place)).toBe(error);
  });

  it('shows what the server said, shortened, and nothing of the request', () => {
    const error = storeError(new HttpFault(403, 'SignatureDoesNotMatch', 'no match', 'REQ1'), place);
    expect(error.message).toContain('HTTP 403 SignatureDoesNotMatch: no match');
    expect(inspect(error, { depth: 9, showHidden: true })).not.toMatch(/authorization|Credential=/i);
  });
});
