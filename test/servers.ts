import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { accessSync, closeSync, constants, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import * as net from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Connection } from '@temporalio/client';
import type { S3Options } from '../infra/s3/options.ts';

/** Real servers for tests: on loopback, free ports, own folders and credentials; stopped by pid. */
export interface Server {
  readonly pid: number;
  readonly port: number;
  /** What it wrote to stdout and stderr so far. */
  log(): string;
  /** SIGTERM, SIGKILL after 10 s; resolves when it is gone. Folders it was not given are removed. */
  stop(): Promise<void>;
  /** SIGKILL, folders kept: for tests that start it again on the same data. */
  kill(): Promise<void>;
  /** SIGSTOP and SIGCONT. */
  freeze(): void;
  thaw(): void;
}

export interface S3Server extends Server {
  readonly endpoint: string;
  readonly dataDir: string;
  /** Options of a store on `bucket`, by default through the server's own endpoint. */
  options(bucket: string, overrides?: Partial<S3Options>): S3Options;
}

export interface TemporalServer extends Server {
  readonly address: string;
  readonly namespace: string;
}

export interface StartOptions {
  readonly dataDir?: string;
  readonly port?: number;
  /** Kept from one start to the next on the same data. */
  readonly credentials?: { readonly accessKey: string; readonly secretKey: string };
}

const REGION = 'us-east-1';

/** Throws when no binary is found: an integration test without its server must fail, not pass. */
export async function startVersitygw(options: StartOptions = {}): Promise<S3Server> {
  return startS3(needBinary('versitygw', 'GRAFT_S3_BIN'), options, (start) => ({
    args: ['--port', `127.0.0.1:${start.port}`, '--region', REGION, '--quiet', 'posix', start.dataDir],
    env: { ROOT_ACCESS_KEY: start.accessKey, ROOT_SECRET_KEY: start.secretKey },
  }));
}

/** The path of a MinIO server (`GRAFT_TEST_MINIO_BIN`, PATH, ~/go/bin), null where there is none. */
export const findMinio = (): string | null => findBinary('minio', 'GRAFT_TEST_MINIO_BIN');

export async function startMinio(options: StartOptions = {}): Promise<S3Server> {
  return startS3(needBinary('minio', 'GRAFT_TEST_MINIO_BIN'), options, (start) => ({
    args: ['server', start.dataDir, '--address', `127.0.0.1:${start.port}`, '--console-address', '127.0.0.1:0'],
    env: { MINIO_ROOT_USER: start.accessKey, MINIO_ROOT_PASSWORD: start.secretKey, MINIO_UPDATE: 'off' },
  }));
}

/** A dev server with a file database, so that it can be killed and started again. */
export async function startTemporal(options: { dbFile?: string; port?: number } = {}): Promise<TemporalServer> {
  const binary = needBinary('temporal', 'GRAFT_TEMPORAL_BIN');
  const own = options.dbFile === undefined ? temporaryDir('temporal') : null;
  const port = options.port ?? (await freePort());
  const dbFile = options.dbFile ?? join(own ?? '', 'temporal.db');
  const address = `127.0.0.1:${port}`;
  const args = ['server', 'start-dev', '--headless', '--ip', '127.0.0.1', '--port', String(port)];
  const child = launch(binary, [...args, '--db-filename', dbFile, '--log-level', 'warn'], {}, own);
  await healthy(child, async () => {
    const connection = await Connection.connect({ address, connectTimeout: 1000 });
    try {
      await connection.workflowService.describeNamespace({ namespace: 'default' });
    } finally {
      await connection.close();
    }
  });
  return { ...child.server(port), address, namespace: 'default' };
}

interface S3Start {
  readonly dataDir: string;
  readonly port: number;
  readonly accessKey: string;
  readonly secretKey: string;
}

async function startS3(
  binary: string,
  options: StartOptions,
  command: (start: S3Start) => { args: string[]; env: Record<string, string> },
): Promise<S3Server> {
  const own = options.dataDir === undefined ? temporaryDir('s3') : null;
  const dataDir = options.dataDir ?? join(own ?? '', 'data');
  mkdirSync(dataDir, { recursive: true });
  const credentials = options.credentials ?? {
    accessKey: `test${randomBytes(8).toString('hex')}`,
    secretKey: randomBytes(20).toString('hex'),
  };
  const port = options.port ?? (await freePort());
  const { args, env } = command({ dataDir, port, ...credentials });
  const child = launch(binary, args, env, own);
  const endpoint = `http://127.0.0.1:${port}`;
  // Any answer of HTTP will do: without credentials it is a 403.
  await healthy(child, async () => void (await fetch(endpoint, { signal: AbortSignal.timeout(1000) })));
  return {
    ...child.server(port),
    endpoint,
    dataDir,
    options: (bucket, overrides = {}) => ({ endpoint, region: REGION, bucket, ...credentials, ...overrides }),
  };
}

interface Launched {
  readonly child: ChildProcess;
  log(): string;
  server(port: number): Server;
  remove(): void;
}

function launch(binary: string, args: string[], env: Record<string, string>, ownDir: string | null): Launched {
  const logDir = ownDir ?? temporaryDir('log');
  const logPath = join(logDir, 'server.log');
  const logFile = openSync(logPath, 'a');
  const child = spawn(binary, args, { stdio: ['ignore', logFile, logFile], env: { ...process.env, ...env } });
  closeSync(logFile);
  const gone = new Promise<void>((resolve) => child.once('close', () => resolve()).once('error', () => resolve()));
  const killNow = (): void => void child.kill('SIGKILL');
  process.once('exit', killNow);
  const log = (): string => readFileSync(logPath, 'utf8');
  const remove = (): void => rmSync(logDir, { recursive: true, force: true });
  const ended = async (): Promise<void> => {
    await gone;
    process.off('exit', killNow);
  };
  const server = (port: number): Server => ({
    pid: child.pid ?? -1,
    port,
    log,
    async stop() {
      child.kill('SIGCONT');
      child.kill('SIGTERM');
      const deadline = setTimeout(killNow, 10_000);
      await ended();
      clearTimeout(deadline);
      remove();
    },
    async kill() {
      killNow();
      await ended();
    },
    freeze: () => void child.kill('SIGSTOP'),
    thaw: () => void child.kill('SIGCONT'),
  });
  return { child, log, server, remove };
}

/** Polls until `check` succeeds; throws with the end of the log when the server dies or stays silent for 60 s. */
async function healthy({ child, log }: Launched, check: () => Promise<void>): Promise<void> {
  let last: unknown;
  for (let polls = 0; polls < 600; polls++) {
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) break;
    try {
      await check();
      return;
    } catch (error) {
      last = error;
    }
    await sleep(100);
  }
  child.kill('SIGKILL');
  throw new Error(`${child.spawnfile} did not start: ${String(last)}\n${log().slice(-2000)}`);
}

/** A port that is free now on loopback. */
export async function freePort(): Promise<number> {
  const probe = net.createServer();
  await new Promise<void>((resolve, reject) => {
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', resolve);
  });
  const address = probe.address();
  await new Promise<void>((resolve) => probe.close(() => resolve()));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

export function temporaryDir(name: string): string {
  return mkdtempSync(join(tmpdir(), `graft-test-${name}-`));
}

function needBinary(name: string, variable: string): string {
  const found = findBinary(name, variable);
  if (found === null) throw new Error(`no ${name}: set ${variable}, or put it on PATH`);
  return found;
}

/** Environment, PATH, graft's own cache, Go's binaries. */
function findBinary(name: string, variable: string): string | null {
  const named = process.env[variable];
  if (named !== undefined && named !== '') return isExecutable(named) ? named : null;
  const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'graft');
  const folders = [
    ...(process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== ''),
    join(cache, 'bin'),
    join(homedir(), 'go', 'bin'),
  ];
  return folders.map((folder) => join(folder, name)).find(isExecutable) ?? null;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
