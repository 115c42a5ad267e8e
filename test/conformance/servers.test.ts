import * as net from 'node:net';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Connection } from '@temporalio/client';
import { msToTs } from '@temporalio/common/lib/time.js';
import { expect, it } from 'vitest';
import { errnoOf } from '../../core/errors.ts';
import { connectTemporal } from '../../infra/temporal/connect.ts';
import { startTcpProxy } from '../faults/tcp-proxy.ts';
import { startTemporal, temporaryDir } from '../servers.ts';
import type { TemporalServer } from '../servers.ts';

/** The helpers that other tests stand on. */
async function namespaces(address: string): Promise<string[]> {
  const connection = await Connection.connect({ address, connectTimeout: 2000 });
  try {
    const { namespaces: list } = await connection.workflowService.listNamespaces({});
    return (list ?? []).map(({ namespaceInfo }) => namespaceInfo?.name ?? '').sort();
  } finally {
    await connection.close();
  }
}

it('a Temporal server keeps its state over kill -9, and answers through a proxy that was cut', async () => {
  const folder = temporaryDir('temporal-state');
  const dbFile = join(folder, 'temporal.db');
  let server: TemporalServer = await startTemporal({ dbFile });
  const proxy = await startTcpProxy(server.address);
  try {
    const connection = await Connection.connect({ address: server.address });
    const workflowExecutionRetentionPeriod = msToTs('1 day');
    await connection.workflowService.registerNamespace({ namespace: 'kept', workflowExecutionRetentionPeriod });
    await connection.close();
    await server.kill();
    server = await startTemporal({ dbFile, port: server.port });
    expect(await namespaces(server.address)).toContain('kept');
    expect(await namespaces(proxy.address)).toContain('kept');
    await proxy.refuse();
    await expect(namespaces(proxy.address)).rejects.toThrow();
    await proxy.accept();
    expect(await namespaces(proxy.address)).toContain('kept');
  } finally {
    await proxy.close();
    await server.stop();
    await rm(folder, { recursive: true });
  }
});

it('a call that is being repeated when its connection is closed ends then, with an error that can be caught', async () => {
  const server = await startTemporal();
  const { client, namespace, close } = await connectTemporal({ address: server.address, namespace: 'default' });
  await server.kill();
  const calls = Array.from({ length: 20 }, () => client.workflowService.describeNamespace({ namespace }));
  // By then the first attempts have failed, and the next ones wait for their turn.
  const ended = Promise.allSettled(calls);
  await new Promise((resolve) => setTimeout(resolve, 300));
  await close();
  for (const call of await ended) expect(call).toMatchObject({ status: 'rejected', reason: { code: 1 } });
  await expect(client.workflowService.describeNamespace({ namespace })).rejects.toMatchObject({ code: 1 });
}, 60_000);

it('a TCP proxy cuts, refuses, stalls and lets flow again', async () => {
  const echo = net.createServer((socket) => void socket.pipe(socket).on('error', () => undefined));
  await new Promise<void>((resolve) => echo.listen(0, '127.0.0.1', resolve));
  const at = echo.address();
  const proxy = await startTcpProxy(`127.0.0.1:${at !== null && typeof at === 'object' ? at.port : 0}`);
  const open = async (): Promise<net.Socket> => {
    const socket = net.connect(Number(proxy.address.split(':')[1]), '127.0.0.1');
    await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    return socket;
  };
  const reply = (socket: net.Socket): Promise<string> =>
    new Promise((resolve) => {
      socket.once('data', (data) => resolve(data.toString())).once('error', (error) => resolve(errnoOf(error) ?? ''));
    });
  const first = await open();
  first.write('one');
  expect(await reply(first)).toBe('one');

  proxy.stall();
  first.write('two');
  const second = await open();
  second.write('three');
  const waiting = Promise.all([reply(first), reply(second)]);
  expect(await Promise.race([waiting, new Promise((resolve) => setTimeout(resolve, 100, 'silence'))])).toBe('silence');
  proxy.flow();
  expect(await waiting).toEqual(['two', 'three']);

  const lost = reply(first);
  proxy.cut();
  expect(await lost).toBe('ECONNRESET');
  const third = await open();
  third.write('four');
  expect(await reply(third)).toBe('four');

  await proxy.refuse();
  await expect(open()).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  await proxy.accept();
  const fourth = await open();
  fourth.write('five');
  expect(await reply(fourth)).toBe('five');
  await proxy.close();
  await new Promise((resolve) => echo.close(resolve));
});
