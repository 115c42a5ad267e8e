import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { accessSync, closeSync, constants, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import * as net from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Connection } from '@temporalio/client';
import { provideS3Server, provideTemporal } from '../infra/native/binaries.ts';
import type { FoundBinary, S3Binary } from '../infra/native/binaries.ts';
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

let s3Binary: Promise<S3Binary> | undefined;
let temporalBinary: Promise<FoundBinary> | undefined;

/** The S3 server that `graft up` would take, found or provisioned. Rejects where there is none: no test may pass so. */
export async function startS3(options: StartOptions = {}): Promise<S3Server> {
  const { kind, path } = await (s3Binary ??= provideS3Server());
  return kind === 'minio' ? startBinary(path, options, minioCommand) : startGateway(path, options);
}

export async function startVersitygw(options: StartOptions = {}): Promise<S3Server> {
  const { kind, path } = await (s3Binary ??= provideS3Server());
  if (kind !== 'versitygw') throw new Error(`${path} is not versitygw: unset GRAFT_S3_BIN`);
  return startGateway(path, options);
}

/** Metadata in extended attributes; in a sidecar, which a kill can tear, only where there are none (docs/adr/0032). */
async function startGateway(path: string, options: StartOptions): Promise<S3Server> {
  try {
    return await startBinary(path, options, (start) => versitygwCommand(start, []));
  } catch (error) {
    if (!String(error).includes('xattr check failed')) throw error;
    const sidecar = options.dataDir === undefined ? temporaryDir('sidecar') : `${options.dataDir}.sidecar`;
    mkdirSync(sidecar, { recursive: true });
    return startBinary(path, options, (start) => versitygwCommand(start, ['--sidecar', sidecar]));
  }
}

/** The path of a MinIO server (`GRAFT_TEST_MINIO_BIN`, PATH, ~/go/bin), null where there is none. */
export const findMinio = (): string | null => findOptional('minio', 'GRAFT_TEST_MINIO_BIN');

export async function startMinio(options: StartOptions = {}): Promise<S3Server> {
  const path = findMinio();
  if (path === null) throw new Error('no MinIO: set GRAFT_TEST_MINIO_BIN, or put minio on PATH');
  return startBinary(path, options, minioCommand);
}

/** A dev server with a file database, so that it can be killed and started again. */
export async function startTemporal(options: { dbFile?: string; port?: number } = {}): Promise<TemporalServer> {
  const binary = (await (temporalBinary ??= provideTemporal())).path;
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

interface Command {
  readonly args: string[];
  readonly env: Record<string, string>;
}

const versitygwCommand = (start: S3Start, metadata: readonly string[]): Command => ({
  args: [
    ...['--port', `127.0.0.1:${start.port}`, '--region', REGION, '--quiet', '--keep-alive'],
    ...['posix', ...metadata, start.dataDir],
  ],
  env: { ROOT_ACCESS_KEY: start.accessKey, ROOT_SECRET_KEY: start.secretKey },
});

const minioCommand = (start: S3Start): Command => ({
  args: ['server', start.dataDir, '--address', `127.0.0.1:${start.port}`, '--console-address', '127.0.0.1:0'],
  env: { MINIO_ROOT_USER: start.accessKey, MINIO_ROOT_PASSWORD: start.secretKey, MINIO_UPDATE: 'off' },
});

async function startBinary(
  binary: string,
  options: StartOptions,
  command: (start: S3Start) => Command,
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
}

function launch(binary: string, args: string[], env: Record<string, string>, ownDir: string | null): Launched {
  const logDir = ownDir ?? temporaryDir('log');
  const logPath = join(logDir, 'server.log');
  const logFile = openSync(logPath, 'a');
  const child = spawn(binary, args, { stdio: ['ignore', logFile, logFile], env: { ...process.env, ...env } });
  closeSync(logFile);
  const gone = new Promise<void>((resolve) => child.once('close', () => resolve()).once('error', () => resolve()));
  const killNow = (): void => void child.kill('SIGKILL');
  const forget = dieWithUs(killNow);
  let last: string | undefined;
  const log = (): string => last ?? readFileSync(logPath, 'utf8');
  const remove = (): void => {
    last = log();
    rmSync(logDir, { recursive: true, force: true });
  };
  const ended = async (): Promise<void> => {
    await gone;
    forget();
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
      if (ownDir === null) remove();
    },
    freeze: () => void child.kill('SIGSTOP'),
    thaw: () => void child.kill('SIGCONT'),
  });
  return { child, log, server };
}

/** No server outlives the tests, however they end (but for SIGKILL). The function returned takes the hooks away. */
function dieWithUs(kill: () => void): () => void {
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  const onSignal = (signal: NodeJS.Signals): void => {
    kill();
    forget();
    process.kill(process.pid, signal);
  };
  const forget = (): void => {
    process.off('exit', kill);
    for (const signal of signals) process.off(signal, onSignal);
  };
  process.once('exit', kill);
  for (const signal of signals) process.on(signal, onSignal);
  return forget;
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

/** Null unless it is set or installed; no test needs it. */
function findOptional(name: string, variable: string): string | null {
  const named = process.env[variable];
  if (named !== undefined && named !== '') return isExecutable(named) ? named : null;
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  return [...folders, join(homedir(), 'go', 'bin')].map((folder) => join(folder, name)).find(isExecutable) ?? null;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
