import { inputError } from '../../core/errors.ts';

/** How to reach one bucket. Structurally what `infra/config.ts` reads as an S3 connection, plus tuning. */
export interface S3Options {
  /** With its scheme, no path: `https://s3.example.org`, `http://127.0.0.1:9000`. */
  readonly endpoint: string;
  readonly region: string;
  readonly bucket: string;
  readonly accessKey: string;
  readonly secretKey: string;
  readonly sessionToken?: string;
  /** `endpoint/bucket/key` (default true), else `bucket.endpoint/key`. */
  readonly pathStyle?: boolean;
  /**
   * Files go up in parts of this size, three of which are in memory at once; 5 MiB … 5 GiB. Where it is given, those above it;
   * by default in parts of 16 MiB, those above 48 MiB.
   */
  readonly partSizeBytes?: number;
  /** Connections at once, default 32. */
  readonly maxSockets?: number;
  readonly timeouts?: Partial<S3Timeouts>;
  readonly retry?: Partial<S3Retry>;
}

/** All of one attempt; a retry starts them anew. */
export interface S3Timeouts {
  /** TCP and TLS, default 5 s. */
  readonly connectMs: number;
  /** No byte in either direction, default 30 s. A reader that is slow itself does not count. */
  readonly idleMs: number;
  /** The same while the server joins the parts of a multipart upload, default 300 s. */
  readonly completeMs: number;
}

/** Exponential backoff with full jitter: before attempt n it waits for uniform(0, min(capMs, baseMs · 2ⁿ)). */
export interface S3Retry {
  /** Of one call, at least 1, default 7. */
  readonly attempts: number;
  readonly baseMs: number;
  readonly capMs: number;
}

export interface ResolvedS3Options {
  readonly url: URL;
  readonly region: string;
  readonly bucket: string;
  readonly accessKey: string;
  readonly secretKey: string;
  readonly sessionToken: string | undefined;
  readonly pathStyle: boolean;
  readonly partSizeBytes: number;
  /** Files up to this size go up in one request. */
  readonly wholeBytes: number;
  readonly maxSockets: number;
  readonly timeouts: S3Timeouts;
  readonly retry: S3Retry;
}

const MIB = 2 ** 20;
export const MIN_PART_BYTES = 5 * MIB;
/** Parts of a file on their way. */
export const PARTS_AT_ONCE = 3;
const MAX_PART_BYTES = 5 * 2 ** 30;
const BUCKET = /^(?!.*\.\.)(?!\d+\.\d+\.\d+\.\d+$)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;

/** Throws STORE_ENDPOINT, STORE_BUCKET, STORE_DENIED or STORE_OPTION (input); the credentials are never shown. */
export function resolveOptions(options: S3Options): ResolvedS3Options {
  if (!BUCKET.test(options.bucket)) {
    throw inputError(
      'STORE_BUCKET',
      `bucket ${JSON.stringify(options.bucket.slice(0, 80))}`,
      'not a bucket name',
      '3 to 63 of a-z, 0-9, dot and dash',
      'correct S3_BUCKET',
    );
  }
  if (options.accessKey === '' || options.secretKey === '') {
    throw inputError(
      'STORE_DENIED',
      `s3://${options.bucket}`,
      'an access key or secret key is empty',
      'both',
      'set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY',
    );
  }
  const partSizeBytes = options.partSizeBytes ?? 16 * MIB;
  if (!Number.isInteger(partSizeBytes) || partSizeBytes < MIN_PART_BYTES || partSizeBytes > MAX_PART_BYTES) {
    throw inputError('STORE_OPTION', 'partSizeBytes', String(partSizeBytes), `${MIN_PART_BYTES} to ${MAX_PART_BYTES}`);
  }
  return {
    url: endpointUrl(options.endpoint),
    region: options.region === '' ? 'us-east-1' : options.region,
    bucket: options.bucket,
    accessKey: options.accessKey,
    secretKey: options.secretKey,
    sessionToken: options.sessionToken,
    pathStyle: options.pathStyle ?? true,
    partSizeBytes,
    // No more memory than three parts take, and the server need not join them.
    wholeBytes: options.partSizeBytes ?? PARTS_AT_ONCE * partSizeBytes,
    maxSockets: options.maxSockets ?? 32,
    timeouts: { connectMs: 5_000, idleMs: 30_000, completeMs: 300_000, ...options.timeouts },
    retry: { attempts: 7, baseMs: 200, capMs: 10_000, ...options.retry },
  };
}

function endpointUrl(endpoint: string): URL {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : null;
  const plain = url !== null && (url.protocol === 'http:' || url.protocol === 'https:') && url.hostname !== '';
  // Not echoed when it may carry a password.
  const shown = /@/.test(endpoint) ? 'a URL with a user or password in it' : JSON.stringify(endpoint.slice(0, 200));
  if (!plain || url.username !== '' || url.password !== '' || url.pathname !== '/' || url.search !== '') {
    throw inputError('STORE_ENDPOINT', 'S3 endpoint', shown, 'http://host[:port] or https://host[:port]', 'correct it');
  }
  return url;
}
