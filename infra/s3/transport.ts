import * as http from 'node:http';
import * as https from 'node:https';
import { AbortFault, HttpFault, TimeoutFault } from './faults.ts';
import { parseErrorBody } from './xml.ts';

/** What guards one attempt. */
export interface AttemptLimits {
  readonly connectMs: number;
  readonly idleMs: number;
  readonly signal: AbortSignal | undefined;
}

export interface Transport {
  request: typeof http.request;
}

const MAX_ERROR_BODY_BYTES = 64 * 1024;

/**
 * The transport under minio-js for one attempt. It adds what the library lacks: timeouts, abort, and answers other
 * than 2xx as `HttpFault` with the status and S3's code, their bodies read (the library leaves them unread where it
 * would retry, and so keeps the socket). The library hears of them as a failed request.
 */
export function guardedTransport(protocol: string, limits: AttemptLimits): Transport {
  const base = protocol === 'https:' ? https : http;
  const request: typeof http.request = (
    first: http.RequestOptions | string | URL,
    second?: http.RequestOptions | ((response: http.IncomingMessage) => void),
    third?: (response: http.IncomingMessage) => void,
  ) => {
    if (typeof first === 'string' || first instanceof URL) throw new Error('the transport takes options only');
    const onAnswer = typeof second === 'function' ? second : third;
    const sent = base.request(first);
    guard(sent, limits);
    sent.once('response', (response) => {
      const status = response.statusCode ?? 0;
      if (status >= 200 && status < 300) onAnswer?.(response);
      else readFault(response).then(fail, fail);
    });
    // Not destroy(): the socket has gone back to the agent by now and may serve another request.
    const fail = (fault: unknown): boolean => sent.emit('error', fault);
    return sent;
  };
  return { request };
}

/** Ends the attempt when connecting or any transfer stands still for too long, or the caller gives up. */
function guard(sent: http.ClientRequest, { connectMs, idleMs, signal }: AttemptLimits): void {
  let response: http.IncomingMessage | undefined;
  sent.once('response', (answer) => (response = answer));
  // A response under way is what the reader waits on; destroying the request would show it as a mere reset.
  const end = (fault: Error): void => void (response ?? sent).destroy(fault);

  sent.once('socket', (socket) => {
    if (!socket.connecting) return;
    const timer = setTimeout(() => end(new TimeoutFault('connecting', connectMs)), connectMs);
    timer.unref();
    const ready = 'encrypted' in socket ? 'secureConnect' : 'connect';
    socket.once(ready, () => clearTimeout(timer));
    socket.once('close', () => clearTimeout(timer));
  });
  sent.setTimeout(idleMs, () => {
    // Bytes wait for the reader: it is slow, not the store.
    if (response && response.readableLength > 0) sent.setTimeout(idleMs);
    else end(new TimeoutFault('no byte moved', idleMs));
  });
  if (signal) {
    const onAbort = (): void => end(new AbortFault(signal.reason));
    signal.addEventListener('abort', onAbort, { once: true });
    sent.once('close', () => signal.removeEventListener('abort', onAbort));
  }
}

async function readFault(response: http.IncomingMessage): Promise<HttpFault> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response) {
    if (Buffer.isBuffer(chunk) && bytes < MAX_ERROR_BODY_BYTES) chunks.push(chunk);
    bytes += Buffer.isBuffer(chunk) ? chunk.length : 0;
    if (bytes > 16 * MAX_ERROR_BODY_BYTES) response.destroy();
  }
  const said = parseErrorBody(Buffer.concat(chunks).subarray(0, MAX_ERROR_BODY_BYTES).toString());
  const header = (name: string): string => {
    const value = response.headers[name];
    return typeof value === 'string' ? value : '';
  };
  const retryAfterS = Number(header('retry-after'));
  return new HttpFault(
    response.statusCode ?? 0,
    said.code || header('x-minio-error-code'),
    said.message || header('x-minio-error-desc'),
    header('x-amz-request-id'),
    Number.isFinite(retryAfterS) ? retryAfterS * 1000 : 0,
  );
}
