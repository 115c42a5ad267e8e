import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { settings } from '../config.ts';
import type { Settings } from '../config.ts';
import { createS3ObjectStore } from '../s3/s3-object-store.ts';
import { connectTemporal } from '../temporal/connect.ts';
import { down } from './down.ts';
import { identify, isRunning } from './process-identity.ts';
import type { ProcessIdentity } from './process-identity.ts';
import { readPids, statePaths, writePid } from './state-files.ts';
import { ensureServices, up } from './up.ts';

const GRAFT = fileURLToPath(new URL('../../bin/graft.mjs', import.meta.url));
const servers = ['temporal', 's3'] as const;

let folder: string;
const idle: ChildProcess[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'graft-up-'));
});
afterEach(async () => {
  await down(known());
  for (const child of idle.splice(0)) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

const known = (more: Record<string, string> = {}): Settings =>
  settings(
    { PATH: process.env['PATH'], XDG_CACHE_HOME: process.env['XDG_CACHE_HOME'], HOME: process.env['HOME'], ...more },
    folder,
  );
const start = (more: Record<string, string> = {}): ReturnType<typeof up> =>
  up({ roles: servers, settings: known(more) });
const paths = (): ReturnType<typeof statePaths> => statePaths(join(folder, '.graft'));
const pids = (): Map<string, ProcessIdentity> => readPids(paths());

function kill(names: readonly string[]): void {
  for (const name of names) {
    const identity = pids().get(name);
    expect(identity, name).toBeDefined();
    if (identity !== undefined) process.kill(identity.pid, 'SIGKILL');
  }
}

async function until(what: () => boolean): Promise<void> {
  while (!what()) await sleep(20);
}

/** Something only the data on disk can remember: a workflow that waits, and an object. */
async function remember({ temporal, s3 }: Awaited<ReturnType<typeof start>>): Promise<void> {
  const client = await connectTemporal(temporal!);
  await client.client.workflow.start('waits', { workflowId: 'remembered', taskQueue: 'nobody' });
  await client.close();
  const store = createS3ObjectStore(s3!);
  await store.put('remembered', Buffer.from('still here'));
  store.close();
}

async function recall({ temporal, s3 }: Awaited<ReturnType<typeof start>>): Promise<string[]> {
  const client = await connectTemporal(temporal!);
  const workflow = await client.client.workflow.getHandle('remembered').describe();
  await client.close();
  const store = createS3ObjectStore(s3!);
  const object = await store.get('remembered');
  store.close();
  return [workflow.status.name, Buffer.from(object?.body ?? []).toString()];
}

describe('up', () => {
  it('starts both servers on loopback, keeps secrets to the owner, and is idempotent', async () => {
    const first = await start();
    expect(first.started).toEqual(['temporal', 's3']);
    expect(first.temporal?.address).toMatch(/^127\.0\.0\.1:\d+$/);
    expect(statSync(join(folder, '.graft/credentials.json')).mode & 0o777).toBe(0o600);
    expect(statSync(join(folder, '.graft')).mode & 0o777).toBe(0o700);
    const secret = first.s3!.secretKey;
    for (const name of ['plan.json', 'status.json', 'services.json']) {
      expect(readFileSync(join(folder, '.graft', name), 'utf8')).not.toContain(secret);
    }
    const before = pids();
    const second = await start();
    expect(second.started).toEqual([]);
    expect(pids()).toEqual(before);
    expect(second.temporal).toEqual(first.temporal);
  });

  it('comes back with all data, on the same ports, after every process was killed at once', async () => {
    const first = await start();
    await remember(first);
    const killed = [...pids().values()];
    expect(killed).toHaveLength(3);
    kill(['supervisor', 'temporal', 's3']);
    const second = await start();
    expect(second.temporal?.address).toBe(first.temporal?.address);
    expect(second.s3).toEqual(first.s3);
    expect(await recall(second)).toEqual(['RUNNING', 'still here']);
    expect(killed.some(isRunning)).toBe(false);
  });

  it('stops what a killed supervisor left running, and starts afresh', async () => {
    const first = await start();
    await remember(first);
    const before = pids();
    kill(['supervisor']);
    expect(isRunning(before.get('temporal')!)).toBe(true);
    const second = await start();
    expect(isRunning(before.get('temporal')!)).toBe(false);
    expect(isRunning(before.get('s3')!)).toBe(false);
    expect(second.temporal?.address).toBe(first.temporal?.address);
    expect(await recall(second)).toEqual(['RUNNING', 'still here']);
  });

  it('restarts a server that was killed', async () => {
    const first = await start();
    await remember(first);
    const before = pids();
    kill(['temporal', 's3']);
    await until(() => {
      const now = pids();
      return servers.every((name) => now.has(name) && now.get(name)?.pid !== before.get(name)?.pid);
    });
    const second = await start();
    expect(second.started).toEqual([]);
    expect(await recall(second)).toEqual(['RUNNING', 'still here']);
  });

  it('adds a role to a supervisor that runs', async () => {
    await up({ roles: ['temporal'], settings: known() });
    const before = pids();
    expect(before.has('s3')).toBe(false);
    expect((await start()).started).toEqual(['s3']);
    expect(pids().get('temporal')).toEqual(before.get('temporal'));
    expect(pids().get('supervisor')).toEqual(before.get('supervisor'));
  });

  it('lets two that start at once share one set of processes', async () => {
    const command = ['up', '--role', 'temporal,s3', '--json'];
    const run = (): Promise<{ stdout: string }> =>
      promisify(execFile)(process.execPath, [GRAFT, ...command], { cwd: folder });
    const [one, two] = await Promise.all([run(), run()]);
    expect(JSON.parse(one.stdout)).toEqual(JSON.parse(two.stdout));
    expect(pids().size).toBe(3);
  });

  it('refuses a forced port that is taken, and leaves nothing running', async () => {
    const server: Server = createServer();
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    const port = String((server.address() as AddressInfo).port);
    await expect(start({ GRAFT_S3_PORT: port })).rejects.toThrowError(
      new RegExp(`^PORT_IN_USE: GRAFT_S3_PORT=${port} — something else listens`),
    );
    expect(pids().size).toBe(0);
    await new Promise((done) => server.close(done));
    const forced = await start({ GRAFT_S3_PORT: port });
    expect(forced.s3?.endpoint).toBe(`http://127.0.0.1:${port}`);
  });

  it('shows the end of the log of a server that does not live, and stops the others', async () => {
    const broken = join(folder, 'temporal');
    writeFileSync(broken, '#!/bin/sh\necho "flux capacitor missing" >&2\nexit 7\n');
    chmodSync(broken, 0o755);
    await expect(start({ GRAFT_TEMPORAL_BIN: broken })).rejects.toThrowError(
      /^SERVICE_FAILED: temporal — ends as soon as it is started \(exit code 7\): .*flux capacitor missing.* — look at .*temporal\.log/,
    );
    expect(pids().size).toBe(0);
  });

  it('uses the services that the environment names and starts only the rest', async () => {
    const other = await start();
    const given = { TEMPORAL_ADDRESS: other.temporal!.address, GRAFT_STATE_DIR: 'mixed' };
    const mixed = await start(given);
    expect(mixed.started).toEqual(['s3']);
    expect(mixed.temporal?.address).toBe(other.temporal?.address);
    await down(known(given));
    await expect(start({ ...given, TEMPORAL_ADDRESS: '127.0.0.1:1' })).rejects.toThrowError(/^TEMPORAL_UNREACHABLE/);
  });
});

describe('ensureServices', () => {
  it('takes what the environment names without starting anything', async () => {
    const both = {
      TEMPORAL_ADDRESS: '127.0.0.1:1',
      S3_ENDPOINT: 'http://127.0.0.1:2',
      AWS_ACCESS_KEY_ID: 'a',
      AWS_SECRET_ACCESS_KEY: 'b',
    };
    expect((await ensureServices({ settings: known(both) })).s3.endpoint).toBe('http://127.0.0.1:2');
    expect(existsSync(join(folder, '.graft'))).toBe(false);
  });
});

describe('down', () => {
  it('stops what up started, waits for it, keeps the data, and leaves everything else alone', async () => {
    await start();
    const started = [...pids().values()];
    const bystander = spawn('sleep', ['600'], { stdio: 'ignore' });
    idle.push(bystander);
    await until(() => identify(bystander.pid!) !== null);
    // A pid file from before a reboot whose number now belongs to somebody else.
    writePid(paths(), 'worker', { pid: bystander.pid!, startedAt: 'another time' });
    expect(await down(known())).toEqual(['s3', 'temporal']);
    expect(started.some(isRunning)).toBe(false);
    expect(bystander.exitCode).toBeNull();
    expect(identify(bystander.pid!)).not.toBeNull();
    expect(existsSync(join(folder, '.graft/temporal.db'))).toBe(true);
    expect(pids().size).toBe(0);
    expect(await down(known())).toEqual([]);
  });
});
