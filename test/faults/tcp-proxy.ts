import * as net from 'node:net';

export interface TcpProxy {
  /** `127.0.0.1:port`, to be used in place of the target's. */
  readonly address: string;
  /** Resets every connection there is; new ones are taken. */
  cut(): void;
  /** Nothing listens any more (connection refused), and what there is is cut, until `accept`. */
  refuse(): Promise<void>;
  accept(): Promise<void>;
  /** Connections stay open, and are taken, but no byte moves until `flow`. */
  stall(): void;
  flow(): void;
  close(): Promise<void>;
}

/** A plain TCP proxy in front of `host:port` for any protocol (Temporal's gRPC): a network that goes and comes. */
export async function startTcpProxy(target: string): Promise<TcpProxy> {
  const [host = '127.0.0.1', port = ''] = target.split(':');
  const pairs = new Set<readonly [net.Socket, net.Socket]>();
  let flowing = true;

  const server = net.createServer((client) => {
    const upstream = net.connect(Number(port), host);
    const pair = [client, upstream] as const;
    pairs.add(pair);
    const end = (): void => {
      pairs.delete(pair);
      client.destroy();
      upstream.destroy();
    };
    for (const socket of pair) socket.once('close', end).on('error', () => undefined);
    client.pipe(upstream).pipe(client);
    if (!flowing) for (const socket of pair) socket.pause();
  });
  const listen = (at: number): Promise<void> =>
    new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(at, '127.0.0.1', resolve);
    });
  await listen(0);
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the proxy has no port');

  const cut = (): void => {
    for (const [client, upstream] of pairs) {
      client.resetAndDestroy();
      upstream.destroy();
    }
    pairs.clear();
  };
  const refuse = async (): Promise<void> => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    cut();
    await closed;
  };
  const setFlow = (on: boolean): void => {
    flowing = on;
    for (const socket of [...pairs].flat()) {
      if (on) socket.resume();
      else socket.pause();
    }
  };
  return {
    address: `127.0.0.1:${address.port}`,
    cut,
    refuse,
    accept: () => listen(address.port),
    stall: () => setFlow(false),
    flow: () => setFlow(true),
    close: () => (server.listening ? refuse() : Promise.resolve()),
  };
}
