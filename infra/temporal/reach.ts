import { connect } from 'node:net';
import { errnoOf, messageOf } from '../../core/errors.ts';

/** What a plain TCP connection to `host:port` finds; null when something answers. */
export function whyUnreachable(address: string, timeoutMs: number): Promise<string | null> {
  const at = address.lastIndexOf(':');
  const host = address.slice(0, at).replace(/^\[(.*)\]$/, '$1');
  return new Promise((resolve) => {
    const socket = connect({ host, port: Number(address.slice(at + 1)), timeout: timeoutMs });
    const answer = (found: string | null): void => {
      socket.destroy();
      resolve(found);
    };
    socket.once('connect', () => answer(null));
    socket.once('timeout', () => answer(`no answer within ${timeoutMs} ms`));
    socket.once('error', (error) => answer(inWords(error)));
  });
}

const words: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused: nothing listens there',
  ENOTFOUND: 'no such host',
  EAI_AGAIN: 'the name server does not answer',
};

const inWords = (error: Error): string => words[errnoOf(error) ?? ''] ?? messageOf(error);
