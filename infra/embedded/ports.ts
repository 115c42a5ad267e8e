import { createServer } from 'node:net';
import getPort from 'get-port';
import { inputError } from '../../core/errors.ts';

const HOST = '127.0.0.1';

/**
 * The port a service gets: the one a variable forces, else the one it had, else a free one.
 * Throws PORT_IN_USE (input) when the forced one is taken.
 */
export async function choosePort(forced: number | null, previous: number | null, variable: string): Promise<number> {
  if (forced !== null) {
    if (await isFree(forced)) return forced;
    throw inputError(
      'PORT_IN_USE',
      `${variable}=${String(forced)}`,
      `something else listens on ${HOST}:${String(forced)}`,
      'a free port',
      `stop that program, or unset ${variable} and any free port is taken`,
    );
  }
  if (previous !== null && (await isFree(previous))) return previous;
  return getPort({ host: HOST });
}

/** The port of `127.0.0.1:7233` or `http://127.0.0.1:7070`; null when it has none. */
export function portOf(address: string | undefined): number | null {
  const port = /:(\d+)$/.exec(address ?? '')?.[1];
  return port === undefined ? null : Number(port);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => {
      resolve(false);
    });
    server.listen({ host: HOST, port, exclusive: true }, () => {
      server.close(() => {
        resolve(true);
      });
    });
  });
}
