import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { failedError, inputError } from '../../core/errors.ts';
import type { Settings } from '../config.ts';
import type { FoundBinary, S3Binary } from '../native/binaries.ts';
import { makeFolder, writeAtomically } from '../native/files.ts';
import { runTool } from '../native/tools.ts';
import { whyUnreachable } from '../temporal/reach.ts';
import { choosePort, portOf } from './ports.ts';
import { credentialsPath, readCredentialsFile, readServicesFile, servicesPath } from './services-file.ts';
import type { ServicesFile } from './services-file.ts';
import type { Role, ServicePlan, StatePaths } from './state-files.ts';

export const BUCKET = 'graft';
const REGION = 'us-east-1';
const GRAFT = fileURLToPath(new URL('../../bin/graft.mjs', import.meta.url));

export interface Binaries {
  readonly temporal: FoundBinary | null;
  readonly s3: S3Binary | null;
}

/**
 * Decides addresses for the roles in `start` and writes `services.json` and, once, the credentials. What is not in
 * `start` keeps the address it has. Throws PORT_IN_USE, S3_KIND (input).
 */
export async function layOut(
  paths: StatePaths,
  start: readonly Role[],
  binaries: Binaries,
  settings: Settings,
): Promise<ServicesFile> {
  const before = readServicesFile(paths.root);
  const services: ServicesFile = {
    version: 1,
    temporal: start.includes('temporal') ? await temporalAddress(before, settings) : (before?.temporal ?? null),
    s3: start.includes('s3') ? await s3Address(before, binaries.s3, settings, paths) : (before?.s3 ?? null),
    web: start.includes('web') ? await webAddress(before, settings) : (before?.web ?? null),
  };
  if (services.s3 !== null && readCredentialsFile(paths.root) === null) {
    const credentials = {
      accessKey: randomBytes(10).toString('hex'),
      secretKey: randomBytes(30).toString('base64url'),
    };
    await writeAtomically(credentialsPath(paths.root), JSON.stringify(credentials, null, 2), 0o600);
  }
  await writeAtomically(servicesPath(paths.root), JSON.stringify(services, null, 2));
  return services;
}

async function temporalAddress(
  before: ServicesFile | null,
  settings: Settings,
): Promise<NonNullable<ServicesFile['temporal']>> {
  const previous = portOf(before?.temporal?.address);
  const port = await choosePort(settings.temporalPort, previous, 'GRAFT_TEMPORAL_PORT');
  return { address: `127.0.0.1:${String(port)}`, namespace: 'default' };
}

async function webAddress(before: ServicesFile | null, settings: Settings): Promise<{ url: string }> {
  const port = await choosePort(settings.webPort, portOf(before?.web?.url), 'GRAFT_WEB_PORT');
  return { url: `http://127.0.0.1:${String(port)}` };
}

async function s3Address(
  before: ServicesFile | null,
  binary: S3Binary | null,
  settings: Settings,
  paths: StatePaths,
): Promise<NonNullable<ServicesFile['s3']>> {
  const kind = binary?.kind ?? 'versitygw';
  const wrote = before?.s3?.kind ?? kind;
  if (wrote !== kind) {
    throw inputError(
      'S3_KIND',
      paths.s3,
      `written by ${wrote}, and ${kind} (from ${binary?.source ?? 'nowhere'}) can't read it`,
      wrote,
      `make ${wrote} available again (GRAFT_S3_BIN), or start afresh with another GRAFT_STATE_DIR`,
    );
  }
  const port = await choosePort(settings.s3Port, portOf(before?.s3?.endpoint), 'GRAFT_S3_PORT');
  return { endpoint: `http://127.0.0.1:${String(port)}`, bucket: BUCKET, region: REGION, kind };
}

/** The processes for `start`, in the order in which they are started. */
export async function planServices(
  paths: StatePaths,
  start: readonly Role[],
  services: ServicesFile,
  binaries: Binaries,
): Promise<ServicePlan[]> {
  const plans: ServicePlan[] = [];
  if (start.includes('temporal')) {
    const { path } = needed('temporal', binaries.temporal);
    plans.push(temporalPlan(path, portOf(services.temporal?.address), paths));
  }
  if (start.includes('s3')) plans.push(await s3Plan(needed('s3', binaries.s3), portOf(services.s3?.endpoint), paths));
  if (start.includes('worker')) plans.push(workerPlan(paths));
  if (start.includes('web')) plans.push(webPlan(paths, portOf(services.web?.url)));
  return plans;
}

/** A service that went away while graft up looked for what is missing. */
function needed<T>(role: Role, binary: T | null): T {
  if (binary !== null) return binary;
  throw failedError('SERVICE_FAILED', role, 'ended while others were started', undefined, 'run graft up again');
}

const server = { env: {}, inheritsEnvironment: false, readyFile: null, stopWithinMs: 15_000 } as const;

function temporalPlan(command: string, port: number | null, paths: StatePaths): ServicePlan {
  const listen = ['--headless', '--ip', '127.0.0.1', '--port', String(port)];
  const args = ['server', 'start-dev', ...listen, '--db-filename', paths.temporalDb, '--log-level', 'warn'];
  return { ...server, name: 'temporal', command, args, credentials: null };
}

async function s3Plan(binary: S3Binary, port: number | null, paths: StatePaths): Promise<ServicePlan> {
  const address = `127.0.0.1:${String(port)}`;
  const folder = join(paths.s3, binary.kind);
  if (binary.kind === 'minio') {
    await makeFolder(folder, 0o700);
    const credentials = { accessKey: 'MINIO_ROOT_USER', secretKey: 'MINIO_ROOT_PASSWORD' };
    const args = ['server', '--quiet', '--address', address, '--console-address', '127.0.0.1:0', folder];
    const env = { MINIO_BROWSER: 'off', MINIO_UPDATE: 'off' };
    return { ...server, name: 's3', command: binary.path, args, credentials, env };
  }
  const objects = join(folder, 'objects');
  const credentials = { accessKey: 'ROOT_ACCESS_KEY', secretKey: 'ROOT_SECRET_KEY' };
  const metadata = await metadataArguments(binary.path, folder, objects);
  const args = ['--port', address, '--region', REGION, '--quiet', '--keep-alive', 'posix', ...metadata, objects];
  return { ...server, name: 's3', command: binary.path, args, credentials };
}

/**
 * Metadata in extended attributes of the objects' files; only where the file system has none, in a sidecar, which a kill
 * can tear (docs/adr/0032). What a folder began with it keeps.
 */
async function metadataArguments(binary: string, folder: string, objects: string): Promise<readonly string[]> {
  const sidecar = join(folder, 'sidecar');
  const isNew = !existsSync(objects);
  await makeFolder(objects, 0o700);
  if (isNew && !(await canKeepAttributes(binary, objects))) await makeFolder(sidecar, 0o700);
  return existsSync(sidecar) ? ['--sidecar', sidecar] : [];
}

/** Asks versitygw itself: without extended attributes it ends at once and says so. */
async function canKeepAttributes(binary: string, objects: string): Promise<boolean> {
  const answered = new AbortController();
  const address = `127.0.0.1:${String(await choosePort(null, null, ''))}`;
  const env = { ROOT_ACCESS_KEY: 'trial', ROOT_SECRET_KEY: 'trial-secret' };
  const ended = runTool(binary, ['--port', address, '--quiet', 'posix', objects], { env, signal: answered.signal })
    .then((result) => !`${result.stdout}${result.stderr}`.includes('xattr'))
    .catch(() => true);
  const answers = (async (): Promise<void> => {
    while (!answered.signal.aborted && (await whyUnreachable(address, 1_000)) !== null) await sleep(20);
  })();
  await Promise.race([ended, answers]);
  answered.abort();
  return ended;
}

function workerPlan(paths: StatePaths): ServicePlan {
  return {
    name: 'worker',
    command: process.execPath,
    args: [GRAFT, 'worker', '--queues', 'workflow,data,train'],
    env: { GRAFT_STATE_DIR: paths.root, GRAFT_READY_FILE: paths.workerReady },
    credentials: null,
    inheritsEnvironment: true,
    readyFile: paths.workerReady,
    // Training gets its own deadline for a last checkpoint within this one.
    stopWithinMs: 120_000,
  };
}

function webPlan(paths: StatePaths, port: number | null): ServicePlan {
  return {
    name: 'web',
    command: process.execPath,
    args: [GRAFT, 'web', '--host', '127.0.0.1', '--port', String(port)],
    env: { GRAFT_STATE_DIR: paths.root },
    credentials: null,
    inheritsEnvironment: true,
    readyFile: null,
    stopWithinMs: 10_000,
  };
}
