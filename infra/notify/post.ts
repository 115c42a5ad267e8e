import { Agent, request } from 'undici';
import { GraftError, inputError, messageOf, transientError } from '../../core/errors.ts';
import { checkedUrl } from '../sources/url/address.ts';
import type { AllowedHosts } from '../sources/url/address.ts';
import { checkedLookup } from '../sources/url/fetch-url.ts';

export interface Post {
  readonly url: string;
  /** What errors call it: the address may be a secret. */
  readonly shown: string;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly allowed: AllowedHosts;
  readonly signal: AbortSignal;
}

/** Statuses that another try may mend: RFC 9110 §15.5.9, 425 of RFC 8470, 429 of RFC 6585, and the server's own faults. */
const mayPass = (status: number): boolean => status === 408 || status === 425 || status === 429 || status >= 500;

/**
 * Posts JSON. The address is checked where the socket is made (docs: reliability, URL_BLOCKED_ADDRESS), and a redirect is
 * an answer like any other: nothing is sent where nobody has looked.
 */
export async function postJson({ url, shown, body, headers, allowed, signal }: Post): Promise<void> {
  const target = checked(url, shown, allowed);
  const dispatcher = new Agent({ connect: { timeout: 10_000, lookup: checkedLookup(allowed) } });
  try {
    const answer = await request(target, {
      dispatcher,
      method: 'POST',
      body,
      headers: { 'content-type': 'application/json', 'user-agent': 'graft', ...headers },
      signal,
    });
    // Nothing is read of what it says: only that it has taken it.
    answer.body.on('error', () => undefined).destroy();
    const { statusCode } = answer;
    if (statusCode >= 200 && statusCode < 300) return;
    if (mayPass(statusCode)) throw transientError('NOTIFY_FAILED', shown, `status ${statusCode}`, 'a status of 2xx');
    throw inputError(
      'NOTIFY_REFUSED',
      shown,
      `status ${statusCode}`,
      'a status of 2xx',
      'correct the address or its rights',
    );
  } catch (error) {
    throw faultOf(error, shown, signal);
  } finally {
    await dispatcher.destroy();
  }
}

function checked(url: string, shown: string, allowed: AllowedHosts): URL {
  try {
    return checkedUrl(url, allowed);
  } catch (error) {
    throw error instanceof GraftError ? unnamed(error, shown) : error;
  }
}

/** A refusal of ours may be some causes down; anything else is the network's. */
function faultOf(error: unknown, shown: string, signal: AbortSignal): Error {
  for (let at: unknown = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth++) {
    if (at instanceof GraftError) return unnamed(at, shown);
  }
  const seen = signal.aborted ? 'no answer in time' : messageOf(error).slice(0, 200);
  return transientError('NOTIFY_FAILED', shown, seen, 'a status of 2xx');
}

/** The same error about what may be shown of the address. */
const unnamed = (error: GraftError, shown: string): GraftError =>
  new GraftError(error.code, { ...error.parts, where: shown });
