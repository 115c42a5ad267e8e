import { open, rename, rm, truncate } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { EnvHttpProxyAgent, fetch } from 'undici';
import type { Response } from 'undici';
import { GraftError, errnoOf, messageOf, transientError } from '../../core/errors.ts';
import type { Settings } from '../config.ts';
import { fileProblem, makeFolder, sha256OfFile, sizeOf } from './files.ts';

interface DownloadOptions {
  readonly proxies: Settings['proxies'];
  readonly onProgress?: (doneBytes: number, totalBytes: number | null) => void;
  readonly signal?: AbortSignal;
  /** Time to connect, and longest silence in a body. */
  readonly connectTimeoutMs?: number;
  readonly silenceTimeoutMs?: number;
  /** Failures in a row without a new byte before giving up. */
  readonly attempts?: number;
  readonly retryDelayMs?: number;
}

/**
 * Fetches `url` to `path` and checks its SHA-256. What has arrived stays in `<path>.part`, so that a reset connection or a
 * killed process costs only what was in flight: the rest is asked for by Range (RFC 9110 §14). Proxies are honoured.
 * `sha256` is lower-case hex: all 64 digits, or the leading ones where a publisher names no more; null where the caller
 * checks what is inside instead.
 *
 * Throws DOWNLOAD_UNREACHABLE, DOWNLOAD_FAILED, DOWNLOAD_CORRUPT and DISK_FULL (transient), PERMISSION (input).
 */
export async function download(
  url: string,
  path: string,
  sha256: string | null,
  options: DownloadOptions,
): Promise<void> {
  const part = `${path}.part`;
  await makeFolder(dirname(path));
  await withAgent(options, async (agent) => {
    await fetchWhole(url, part, agent, options);
  });
  const seen = sha256 === null ? '' : await sha256OfFile(part, options.signal);
  if (!seen.startsWith(sha256 ?? '')) {
    await rm(part, { force: true });
    throw transientError(
      'DOWNLOAD_CORRUPT',
      url,
      `SHA-256 ${seen}`,
      `SHA-256 ${sha256 ?? ''}`,
      'repeat; a proxy may alter it',
    );
  }
  await rename(part, path);
}

/** A small text: a list of hashes. Throws as `download` does. */
export async function downloadText(url: string, options: DownloadOptions): Promise<string> {
  return withAgent(options, async (agent) => {
    try {
      const response = await request(url, {}, agent, options);
      if (!response.ok) throw refused(url, response);
      return await response.text();
    } catch (error) {
      options.signal?.throwIfAborted();
      if (error instanceof GraftError) throw error;
      throw isUnreachable(error) ? unreachable(url, error) : failed(url, error);
    }
  });
}

async function withAgent<T>(options: DownloadOptions, work: (agent: EnvHttpProxyAgent) => Promise<T>): Promise<T> {
  const { http, https, no } = options.proxies;
  const agent = new EnvHttpProxyAgent({
    // An empty string keeps undici from looking at the environment by itself.
    httpProxy: http ?? '',
    httpsProxy: https ?? http ?? '',
    noProxy: no ?? '',
    connect: { timeout: options.connectTimeoutMs ?? 5_000 },
    headersTimeout: options.silenceTimeoutMs ?? 30_000,
    bodyTimeout: options.silenceTimeoutMs ?? 30_000,
  });
  try {
    return await work(agent);
  } finally {
    await agent.destroy();
  }
}

async function fetchWhole(
  url: string,
  part: string,
  agent: EnvHttpProxyAgent,
  options: DownloadOptions,
): Promise<void> {
  const attempts = options.attempts ?? 5;
  let failures = 0;
  for (;;) {
    const before = (await sizeOf(part)) ?? 0;
    try {
      if (await fetchRest(url, part, before, agent, options)) return;
    } catch (error) {
      options.signal?.throwIfAborted();
      if (error instanceof GraftError) throw error;
      const after = (await sizeOf(part)) ?? 0;
      failures = after > before ? 1 : failures + 1;
      // A host that can't be found or refuses will not appear within seconds: the next source is the better bet.
      if (after === 0 && isUnreachable(error)) throw unreachable(url, error);
      if (failures >= attempts) throw failed(url, error);
      await sleep((options.retryDelayMs ?? 500) * 2 ** (failures - 1));
    }
  }
}

/** One request for the bytes from `from` on; resolves to whether the file is whole. */
async function fetchRest(
  url: string,
  part: string,
  from: number,
  agent: EnvHttpProxyAgent,
  options: DownloadOptions,
): Promise<boolean> {
  const response = await request(url, from === 0 ? {} : { range: `bytes=${String(from)}-` }, agent, options);
  if (response.status === 416) {
    // Nothing lies beyond what we have: whole, or longer than the original; the hash tells.
    const size = Number(/\/(\d+)$/.exec(response.headers.get('content-range') ?? '')?.[1] ?? from);
    await response.body?.cancel();
    if (size !== from) await truncate(part, 0);
    return size === from;
  }
  if (!response.ok) throw refused(url, response);
  const start = response.status === 206 ? from : 0;
  const length = Number(response.headers.get('content-length') ?? Number.NaN);
  const total = Number.isFinite(length) ? start + length : null;
  await save(response, part, start, (done) => options.onProgress?.(done, total), options.signal);
  const size = (await sizeOf(part)) ?? 0;
  if (total !== null && size < total) throw new Error(`the body ended at ${String(size)} of ${String(total)} bytes`);
  return true;
}

async function save(
  response: Response,
  part: string,
  start: number,
  onBytes: (done: number) => void,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (response.body === null) throw new Error('the answer has no body');
  try {
    // Written as it comes and not through a stream's buffer: what arrived before a reset is kept to the last byte.
    const file = await open(part, start === 0 ? 'w' : 'r+');
    try {
      let done = start;
      for await (const chunk of response.body) {
        signal?.throwIfAborted();
        const bytes: Uint8Array = chunk;
        for (let at = 0; at < bytes.byteLength;) {
          at += (await file.write(bytes, at, bytes.byteLength - at, done + at)).bytesWritten;
        }
        done += bytes.byteLength;
        onBytes(done);
      }
    } finally {
      await file.close();
    }
  } catch (error) {
    throw /^(ENOSPC|EDQUOT|EACCES|EPERM|EROFS|EEXIST|ENOTDIR)$/.test(errnoOf(error) ?? '')
      ? fileProblem(error, part)
      : error;
  }
}

async function request(
  url: string,
  headers: Record<string, string>,
  agent: EnvHttpProxyAgent,
  options: DownloadOptions,
): Promise<Response> {
  return fetch(url, {
    dispatcher: agent,
    // A server that compresses on the way would make Range and length mean something else.
    headers: { ...headers, 'accept-encoding': 'identity' },
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
}

const UNREACHABLE = new Set([
  'ENOTFOUND',
  'EAI_AGAIN',
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
]);

function isUnreachable(error: unknown): boolean {
  for (let at: unknown = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth += 1) {
    if (UNREACHABLE.has(errnoOf(at) ?? '')) return true;
  }
  return false;
}

/** undici wraps what happened in `fetch failed`: the cause has the words. */
function innermost(error: unknown): string {
  let said = messageOf(error);
  for (let at: unknown = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth += 1) {
    if (at.message !== '') said = at.message;
  }
  return said;
}

function unreachable(url: string, error: unknown): GraftError {
  const remedy = 'check the network and HTTPS_PROXY';
  return transientError('DOWNLOAD_UNREACHABLE', url, innermost(error), undefined, remedy, error);
}

function failed(url: string, error: unknown): GraftError {
  const remedy = 'repeat: what arrived is kept';
  return transientError('DOWNLOAD_FAILED', url, innermost(error), undefined, remedy, error);
}

function refused(url: string, response: Response): GraftError {
  const seen = `status ${String(response.status)} ${response.statusText}`;
  return transientError('DOWNLOAD_FAILED', url, seen.trim(), 'the file', 'repeat later, or fetch it by hand');
}
