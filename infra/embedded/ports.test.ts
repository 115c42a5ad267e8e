import { createServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { choosePort, portOf } from './ports.ts';

let server: Server;
let taken: number;
beforeEach(async () => {
  server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  taken = (server.address() as AddressInfo).port;
});
afterEach(async () => {
  await new Promise((done) => server.close(done));
});

describe('choosePort', () => {
  it('keeps the port a service had while it is free', async () => {
    const free = await choosePort(null, null, 'X');
    expect(await choosePort(null, free, 'X')).toBe(free);
  });

  it('takes another where the old one is taken', async () => {
    expect(await choosePort(null, taken, 'X')).not.toBe(taken);
  });

  it('refuses a forced port that is taken, by the name of its variable', async () => {
    await expect(choosePort(taken, null, 'GRAFT_S3_PORT')).rejects.toThrowError(
      new RegExp(`^PORT_IN_USE: GRAFT_S3_PORT=${String(taken)} — something else listens`),
    );
  });
});

describe('portOf', () => {
  it('reads addresses and endpoints', () => {
    expect(portOf('127.0.0.1:7233')).toBe(7233);
    expect(portOf('http://127.0.0.1:7070')).toBe(7070);
    expect(portOf(undefined)).toBeNull();
  });
});
