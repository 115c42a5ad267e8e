import { createServer } from 'node:http';
import type { Server } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { resolveOptions } from './options.ts';
import { createWire, drain } from './wire.ts';

const open: Server[] = [];
afterEach(() => {
  for (const server of open.splice(0)) server.close();
});

describe('requests to the store', () => {
  it('find the connections of the burst before', async () => {
    let connections = 0;
    const server = createServer((request, response) => {
      request.resume().on('end', () => response.end());
    });
    open.push(server);
    server.on('connection', () => connections++);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const endpoint = `http://127.0.0.1:${port}`;
    const keys = { accessKey: 'key', secretKey: 'secret' };
    const wire = createWire(resolveOptions({ endpoint, region: '', bucket: 'graft', ...keys, maxSockets: 16 }));
    for (let burst = 0; burst < 4; burst++) {
      const sent = Array.from({ length: 40 }, (_, i) => wire.send({ method: 'PUT', key: `${i}`, body: 'x' }));
      for (const answer of await Promise.all(sent.map((each) => each.then(drain)))) expect(answer).toBeUndefined();
    }
    wire.close();
    expect(connections).toBe(16);
  });
});
