import { lookup } from 'node:dns';
import type { LookupAddress, LookupOptions } from 'node:dns';
import { open, rename, rm } from 'node:fs/promises';
import { Agent, EnvHttpProxyAgent, fetch } from 'undici';
import type { Dispatcher, Response } from 'undici';
import { GraftError, errnoOf, messageOf, transientError } from '../../../core/errors.ts';
import type { Settings } from '../../config.ts';
import { addressProblem, checkedUrl, hostOf } from './address.ts';
import type { AllowedHosts } from './address.ts';

export interface FetchUrlOptions {
  readonly allowed: AllowedHosts;
  readonly proxies: Settings['proxies'];
  readonly signal?: AbortSignal;
  readonly connectTimeoutMs?: number;
  /** Longest silence. */
  readonly silenceTimeoutMs?: number;
}

const MAX_REDIRECTS = 5;

/**
 * Fetches a file that a person named to `path`. The address is checked where the socket is made, so that no name can turn
 * into another address between the look and the leap (DNS rebinding), and again at each redirect. Behind a proxy it is the
 * proxy that looks names up: there, only addresses that are written out are checked.
 *
 * URL_BLOCKED, URL_BLOCKED_ADDRESS (input), URL_FETCH (transient).
 */
export async function fetchUrl(url: string, path: string, options: FetchUrlOptions): Promise<void> {
  const first = checkedUrl(url, options.allowed);
  const dispatcher = dispatcherOf(options);
  const part = `${path}.part`;
  try {
    const response = await follow(first, dispatcher, options);
    await save(response, part);
    await rename(part, path);
  } catch (error) {
    options.signal?.throwIfAborted();
    await rm(part, { force: true });
    throw known(error) ?? unfetched(first, innermost(error), error);
  } finally {
    await dispatcher.destroy();
  }
}

async function follow(url: URL, dispatcher: Dispatcher, options: FetchUrlOptions): Promise<Response> {
  let at = url;
  for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
    const response = await fetch(at.href, {
      dispatcher,
      redirect: 'manual',
      headers: { 'accept-encoding': 'identity' },
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
    const next = response.headers.get('location');
    if (response.status < 300 || response.status > 399 || next === null) return response;
    await response.body?.cancel();
    at = checkedUrl(URL.canParse(next, at.href) ? new URL(next, at.href).href : next, options.allowed);
  }
  throw unfetched(url, `more than ${MAX_REDIRECTS} redirects`);
}

async function save(response: Response, part: string): Promise<void> {
  if (!response.ok || response.body === null)
    throw new Error(`status ${response.status} ${response.statusText}`.trim());
  const length = response.headers.get('content-length');
  const file = await open(part, 'w');
  let done = 0;
  try {
    for await (const chunk of response.body) {
      const bytes: Uint8Array = chunk;
      await file.writeFile(bytes);
      done += bytes.length;
    }
  } finally {
    await file.close();
  }
  if (length !== null && Number(length) !== done) throw new Error(`the body ended at ${done} of ${length} bytes`);
}

function dispatcherOf({ allowed, proxies, connectTimeoutMs = 10_000, silenceTimeoutMs = 60_000 }: FetchUrlOptions) {
  const { http, https, no } = proxies;
  const timeouts = { headersTimeout: silenceTimeoutMs, bodyTimeout: silenceTimeoutMs };
  if (https === null && http === null) {
    return new Agent({ connect: { timeout: connectTimeoutMs, lookup: checkedLookup(allowed) }, ...timeouts });
  }
  const proxy = { httpProxy: http ?? '', httpsProxy: https ?? http ?? '', noProxy: no ?? '' };
  return new EnvHttpProxyAgent({ ...proxy, connect: { timeout: connectTimeoutMs }, ...timeouts });
}

type LookupDone = (error: Error | null, address: string | LookupAddress[], family?: number) => void;

/** Node's own lookup; one address that is not public spoils the name. */
export function checkedLookup(allowed: AllowedHosts) {
  return (host: string, options: LookupOptions, done: LookupDone): void => {
    lookup(host, { ...options, all: true }, (error, addresses) => {
      if (error !== null) {
        done(error, []);
        return;
      }
      const wrong = addresses
        .map(({ address }) => addressProblem(host, address, allowed))
        .find((each) => each !== null);
      const [first] = addresses;
      if (wrong) done(wrong, []);
      else if (options.all === true) done(null, addresses);
      else done(null, first?.address ?? '', first?.family ?? 4);
    });
  };
}

/** undici wraps what happened: a refusal of ours is some causes down. */
function known(error: unknown): GraftError | null {
  for (let at: unknown = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth++) {
    if (at instanceof GraftError) return at;
    if (/^(?:ENOSPC|EDQUOT)$/.test(errnoOf(at) ?? '')) {
      return transientError('DISK_FULL', 'the download', messageOf(at), 'room for it', 'free some', error);
    }
  }
  return null;
}

function innermost(error: unknown): string {
  let said = messageOf(error);
  for (let at: unknown = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth++) {
    if (at.message !== '') said = at.message;
  }
  return said;
}

const unfetched = (url: URL, seen: string, cause?: unknown): GraftError =>
  transientError(
    'URL_FETCH',
    `${hostOf(url)}${url.pathname}`,
    seen,
    'the file',
    'try again, or fetch it yourself',
    cause,
  );
