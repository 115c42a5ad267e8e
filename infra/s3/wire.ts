import { createHash } from 'node:crypto';
import * as http from 'node:http';
import * as https from 'node:https';
import { Client } from 'minio';
import { AbortFault, CorruptFault, HttpFault, ProtocolFault, diagnose, storeError } from './faults.ts';
import type { Place } from './faults.ts';
import type { ResolvedS3Options } from './options.ts';
import { withRetry } from './retry.ts';
import type { RetryTools } from './retry.ts';
import { guardedTransport } from './transport.ts';

export interface WireRequest {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE';
  /** Absent for a call on the bucket. */
  readonly key?: string;
  /** Already percent-encoded: `uploads&prefix=a%2Fb`. */
  readonly query?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
  /** Of `body`, where the caller has it already: a large one is not hashed a second time to be signed. */
  readonly sha256?: string;
  readonly signal?: AbortSignal | undefined;
  readonly idleMs?: number;
}

/** Signed requests to one bucket, and the retries around them. */
export interface Wire {
  readonly options: ResolvedS3Options;
  place(key?: string): Place;
  /**
   * One attempt. Resolves to a 2xx answer, whose body the caller must consume or destroy (a HEAD has none); rejects
   * with a fault of faults.ts or a socket error.
   */
  send(request: WireRequest): Promise<http.IncomingMessage>;
  /** `attempt` with retries; rejects with a GraftError on `key`. Cancelled by `signal`, between attempts too. */
  perform<T>(key: string | undefined, signal: AbortSignal | undefined, attempt: () => Promise<T>): Promise<T>;
  close(): void;
}

const MAX_CORRUPT_ATTEMPTS = 3;
const EXPECTED = [200, 201, 202, 204, 206];

/**
 * minio-js addresses and signs; timeouts, retries, bodies and errors are ours (docs/adr/0030). Bodies are signed with
 * their SHA-256 over TLS too, so that the server refuses what changed on the way.
 */
export function createWire(options: ResolvedS3Options, tools?: RetryTools): Wire {
  const { url, bucket, region, timeouts } = options;
  const Agent = url.protocol === 'https:' ? https.Agent : http.Agent;
  const { maxSockets } = options;
  // Idle sockets of an agent do not keep the process alive. All are kept: requests come in bursts, and a new connection costs
  // both sides as much as a small write.
  const agent = new Agent({ keepAlive: true, maxSockets, maxFreeSockets: maxSockets, scheduling: 'lifo' });
  const place = (key?: string): Place => ({ endpoint: url.origin, bucket, ...(key === undefined ? {} : { key }) });

  const send = async (request: WireRequest): Promise<http.IncomingMessage> => {
    const { signal, idleMs = timeouts.idleMs } = request;
    if (signal?.aborted) throw new AbortFault(signal.reason);
    const client = signingClient(options, agent, { connectMs: timeouts.connectMs, idleMs, signal });
    const asked = {
      method: request.method,
      bucketName: bucket,
      headers: { ...request.headers },
      ...(request.key === undefined ? {} : { objectName: request.key }),
      ...(request.query === undefined ? {} : { query: request.query }),
    };
    const payload = payloadOf(request.body);
    const sha256 = request.sha256 ?? createHash('sha256').update(payload).digest('hex');
    return client.makeRequestStreamAsync(asked, payload, sha256, EXPECTED, region);
  };

  const perform = <T>(
    key: string | undefined,
    signal: AbortSignal | undefined,
    attempt: () => Promise<T>,
  ): Promise<T> =>
    withRetry(
      options.retry,
      attempt,
      (error, made) => {
        if (signal?.aborted) return { kind: 'give-up', error: storeError(new AbortFault(signal.reason), place(key)) };
        const limit = error instanceof CorruptFault ? MAX_CORRUPT_ATTEMPTS : options.retry.attempts;
        if (diagnose(error)?.retry === true && made < limit) {
          return { kind: 'retry', waitMs: error instanceof HttpFault ? error.retryAfterMs : 0 };
        }
        return { kind: 'give-up', error: storeError(error, place(key), made) };
      },
      signal,
      tools,
    );

  return { options, place, send, perform, close: () => agent.destroy() };
}

function signingClient(
  options: ResolvedS3Options,
  agent: http.Agent,
  limits: Parameters<typeof guardedTransport>[1],
): Client {
  const { url, sessionToken } = options;
  const secure = url.protocol === 'https:';
  const client = new Client({
    endPoint: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? (secure ? 443 : 80) : Number(url.port),
    useSSL: secure,
    accessKey: options.accessKey,
    secretKey: options.secretKey,
    ...(sessionToken === undefined ? {} : { sessionToken }),
    region: options.region,
    pathStyle: options.pathStyle,
    transport: guardedTransport(url.protocol, limits),
    transportAgent: agent,
    retryOptions: { disableRetry: true },
  });
  client.enableSHA256 = true;
  return client;
}

/** Without a copy. minio-js takes the length of a string in UTF-16 units, so text goes as bytes. */
function payloadOf(body: Uint8Array | string | undefined): Buffer | string {
  if (body === undefined) return '';
  if (typeof body === 'string') return Buffer.from(body);
  return Buffer.from(body.buffer, body.byteOffset, body.byteLength);
}

/** The whole body of an answer as text, for the small documents of the protocol. */
export async function readText(response: http.IncomingMessage, maxBytes = 16 * 2 ** 20): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response) {
    if (!Buffer.isBuffer(chunk)) continue;
    bytes += chunk.length;
    if (bytes > maxBytes) throw new ProtocolFault(`the answer is longer than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** Waits for the end of an answer that says nothing more, so that its socket can be used again. */
export async function drain(response: http.IncomingMessage): Promise<void> {
  response.resume();
  if (response.readableEnded || response.closed) return;
  await new Promise<void>((resolve, reject) => {
    response.once('end', resolve).once('error', reject).once('close', resolve);
  });
}

/** RFC 3986, as the signature wants it: encodeURIComponent leaves !'()* as they are. */
export function escapeQuery(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}

export function headerOf(response: http.IncomingMessage, name: string): string {
  const value = response.headers[name];
  return typeof value === 'string' ? value : '';
}
