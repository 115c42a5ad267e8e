import { GraftError, errnoOf, messageOf } from '../../core/errors.ts';
import type { ErrorKind } from '../../core/errors.ts';

/** An answer other than 2xx. Holds what the server said of itself, never what was sent. */
export class HttpFault extends Error {
  readonly status: number;
  /** S3's own word (`NoSuchKey`, `SlowDown` …), empty where the server gave none. */
  readonly s3Code: string;
  readonly requestId: string;
  readonly retryAfterMs: number;

  constructor(status: number, s3Code: string, text: string, requestId = '', retryAfterMs = 0) {
    super(`HTTP ${status}${s3Code === '' ? '' : ` ${s3Code}`}${text === '' ? '' : `: ${text}`}`);
    this.name = 'HttpFault';
    this.status = status;
    this.s3Code = s3Code;
    this.requestId = requestId;
    this.retryAfterMs = retryAfterMs;
  }
}

export class TimeoutFault extends Error {
  constructor(doing: string, timeoutMs: number) {
    super(`${doing} for ${timeoutMs} ms`);
    this.name = 'TimeoutFault';
  }
}

/** Bytes that are not what they should be: hash or length. */
export class CorruptFault extends Error {
  constructor(seen: string) {
    super(seen);
    this.name = 'CorruptFault';
  }
}

/** A 2xx answer that is not in the S3 protocol. */
export class ProtocolFault extends Error {
  constructor(seen: string, cause?: unknown) {
    super(seen, { cause });
    this.name = 'ProtocolFault';
  }
}

/** The caller's signal. */
export class AbortFault extends Error {
  constructor(reason: unknown) {
    super('aborted by the caller', { cause: reason });
    this.name = 'AbortFault';
  }
}

export interface Place {
  readonly endpoint: string;
  readonly bucket: string;
  /** Absent for calls on the bucket itself. */
  readonly key?: string;
}

export const placeText = ({ bucket, key }: Place): string => `s3://${bucket}${key === undefined ? '' : `/${key}`}`;

/** A failure in the terms of the port, and whether another attempt of the same request may go better. */
export interface Diagnosis {
  readonly code: string;
  readonly kind: ErrorKind;
  readonly expected: string;
  readonly remedy: string;
  readonly retry: boolean;
}

const diagnosis = (code: string, kind: ErrorKind, retry: boolean, expected: string, remedy: string): Diagnosis => ({
  code,
  kind,
  retry,
  expected,
  remedy,
});

const CORRUPT = diagnosis(
  'STORE_CORRUPT',
  'transient',
  true,
  'the bytes that were written',
  'try again; if it stays so, the stored object is damaged: remove it so that it is made anew',
);
const CANCELLED = diagnosis('CANCELLED', 'cancelled', false, '', '');
const TIMEOUT = diagnosis(
  'STORE_TIMEOUT',
  'transient',
  true,
  'progress',
  'check the network and the load of the store',
);
const BUSY = diagnosis('STORE_BUSY', 'transient', true, 'an answer', 'try again later; see the log of the store');
const FULL = diagnosis('STORE_FULL', 'transient', false, 'room', 'free space in the store or raise its quota');
const DENIED = diagnosis(
  'STORE_DENIED',
  'input',
  false,
  'credentials that may do this',
  'check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, the bucket policy and the clock of this machine',
);
const BUCKET = diagnosis('STORE_BUCKET', 'input', false, 'an existing bucket', 'check S3_BUCKET, or create the bucket');
const NOT_FOUND = diagnosis('STORE_NOT_FOUND', 'input', false, 'an existing object', 'check the name');
const REFUSED = diagnosis('STORE_REFUSED', 'failed', false, 'success', 'see the log of the store');
const KEY = diagnosis('KEY_INVALID', 'input', false, 'a key that this store can hold', 'shorten or rename it');
const ELSEWHERE = diagnosis(
  'STORE_BUCKET',
  'input',
  false,
  'the bucket at this endpoint and region',
  'correct S3_ENDPOINT and S3_REGION',
);
const TLS = diagnosis(
  'STORE_TLS',
  'input',
  false,
  'a certificate that this machine trusts',
  'set NODE_EXTRA_CA_CERTS to the certificate authority, or correct S3_ENDPOINT',
);
const PROTOCOL = diagnosis('STORE_ENDPOINT', 'input', false, 'the S3 protocol', 'check S3_ENDPOINT');
const UNREACHABLE = diagnosis(
  'STORE_UNREACHABLE',
  'transient',
  true,
  'an S3 service',
  'start it (graft up), or check S3_ENDPOINT and the network',
);

const BY_S3_CODE: Readonly<Record<string, Diagnosis>> = {
  NoSuchBucket: BUCKET,
  InvalidBucketName: BUCKET,
  BucketAlreadyExists: BUCKET,
  NoSuchKey: NOT_FOUND,
  NoSuchUpload: NOT_FOUND,
  KeyTooLongError: KEY,
  InvalidURI: KEY,
  XMinioInvalidObjectName: KEY,
  QuotaExceeded: FULL,
  XMinioStorageFull: FULL,
  InsufficientStorage: FULL,
  RequestTimeout: TIMEOUT,
  IncompleteBody: UNREACHABLE,
  BadDigest: CORRUPT,
  XAmzContentSHA256Mismatch: CORRUPT,
  XAmzContentChecksumMismatch: CORRUPT,
  ExpiredToken: DENIED,
  InvalidToken: DENIED,
  InvalidAccessKeyId: DENIED,
  SignatureDoesNotMatch: DENIED,
  AuthorizationHeaderMalformed: DENIED,
  RequestTimeTooSkewed: DENIED,
  ConditionalRequestConflict: BUSY,
  OperationAborted: BUSY,
};

const BY_STATUS: Readonly<Record<number, Diagnosis>> = {
  301: ELSEWHERE,
  302: ELSEWHERE,
  307: ELSEWHERE,
  308: ELSEWHERE,
  401: DENIED,
  403: DENIED,
  404: NOT_FOUND,
  408: TIMEOUT,
  425: BUSY,
  429: BUSY,
  499: BUSY,
  501: REFUSED,
  507: FULL,
};

/** Undefined for what is no failure of the store at all: a bug, to be thrown as it is. */
export function diagnose(error: unknown): Diagnosis | undefined {
  if (error instanceof HttpFault) {
    return BY_S3_CODE[error.s3Code] ?? BY_STATUS[error.status] ?? (error.status >= 500 ? BUSY : REFUSED);
  }
  if (error instanceof TimeoutFault) return TIMEOUT;
  if (error instanceof CorruptFault) return CORRUPT;
  if (error instanceof ProtocolFault) return PROTOCOL;
  if (error instanceof AbortFault || (error instanceof Error && error.name === 'AbortError')) return CANCELLED;
  const errno = errnoOf(error);
  if (errno === undefined) return undefined;
  if (/CERT|TLS|SSL|ISSUER|SIGNATURE|EPROTO/.test(errno)) return TLS;
  if (errno === 'ERR_STREAM_PREMATURE_CLOSE') return UNREACHABLE;
  return /^E(?!RR_)[A-Z_]+$|^HPE_/.test(errno) ? UNREACHABLE : undefined;
}

/** The GraftError of a failed call on `place`; a GraftError, and what is no failure of the store, stay as they are. */
export function storeError(error: unknown, place: Place, attempts = 1): Error {
  if (error instanceof GraftError) return error;
  const found = diagnose(error);
  if (found === undefined) return error instanceof Error ? error : new Error(messageOf(error));
  const tries = attempts > 1 ? ` (${attempts} attempts)` : '';
  const expected = found === UNREACHABLE ? `${found.expected} at ${place.endpoint}` : found.expected;
  return new GraftError(
    found.code,
    { kind: found.kind, where: placeText(place), seen: `${seenText(error)}${tries}`, expected, remedy: found.remedy },
    { cause: error },
  );
}

function seenText(error: unknown): string {
  const errno = errnoOf(error);
  if (errno === undefined) return messageOf(error);
  if (errno === 'ECONNREFUSED') return 'connection refused';
  if (errno === 'ECONNRESET') return 'the connection was cut';
  if (errno === 'ENOTFOUND') return 'the host name is unknown';
  return `${messageOf(error)} (${errno})`.slice(0, 200);
}
