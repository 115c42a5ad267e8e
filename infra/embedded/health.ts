import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { GraftError, failedError, inputError, messageOf, transientError } from '../../core/errors.ts';
import { unwrap } from '../../core/result.ts';
import type { S3Connection, TemporalConnection } from '../config.ts';
import { ensureBucket } from '../s3/ensure-bucket.ts';
import { probeConditionalWrites } from '../s3/probe.ts';
import { createS3ObjectStore } from '../s3/s3-object-store.ts';
import { connectTemporal } from '../temporal/connect.ts';
import { logPath, readStatus } from './state-files.ts';
import type { Role, StatePaths } from './state-files.ts';
import { runningSupervisor } from './stop.ts';

/** Connects and asks for the namespace. Throws as `connectTemporal` does. */
export async function checkTemporal(connection: TemporalConnection, timeoutMs = 10_000): Promise<void> {
  const client = await connectTemporal(connection, { timeoutMs });
  await client.close();
}

/** Makes the bucket if it is missing and sees that the store honours conditional writes. Throws what is wrong. */
export async function checkStore(connection: S3Connection, attempts?: number): Promise<void> {
  const store = createS3ObjectStore({ ...connection, ...(attempts === undefined ? {} : { retry: { attempts } }) });
  try {
    unwrap(await ensureBucket(store));
    unwrap(await probeConditionalWrites(store));
  } finally {
    store.close();
  }
}

interface WaitOptions {
  readonly paths: StatePaths;
  readonly role: Role;
  readonly deadlineMs: number;
  readonly signal?: AbortSignal;
  /** Throws while the service is not yet healthy. */
  readonly check: () => Promise<void>;
}

/** A service that ends so often before it is healthy will not become so. */
const EXITS_ALLOWED = 3;

/**
 * Waits until an embedded service is healthy. Throws SERVICE_FAILED (failed) with the end of its log, or what that end
 * shows it to be: PORT_IN_USE, PERMISSION (input), DISK_FULL (transient).
 */
export async function waitUntilHealthy({ paths, role, deadlineMs, check, signal }: WaitOptions): Promise<void> {
  const exitsBefore = exitsOf(paths, role);
  const deadline = performance.now() + deadlineMs;
  for (let last = ''; ;) {
    signal?.throwIfAborted();
    try {
      await check();
      return;
    } catch (error) {
      if (error instanceof GraftError && error.kind === 'input' && error.code !== 'STORE_DENIED') throw error;
      last = messageOf(error);
    }
    if (runningSupervisor(paths) === null) throw serviceFailed(paths, role, 'its supervisor is gone');
    if (exitsOf(paths, role) - exitsBefore >= EXITS_ALLOWED) {
      const ended = readStatus(paths)?.services.find((service) => service.name === role)?.lastExit;
      throw serviceFailed(paths, role, `ends as soon as it is started (${ended ?? 'unknown'})`);
    }
    if (performance.now() > deadline) throw serviceFailed(paths, role, `not healthy in time: ${last}`);
    await sleep(100);
  }
}

/** The worker says that it polls its queues by creating a file. */
export function checkWorker(paths: StatePaths): Promise<void> {
  if (existsSync(paths.workerReady)) return Promise.resolve();
  return Promise.reject(transientError('WORKER_STARTING', paths.workerReady, 'not there yet'));
}

/** The dashboard answers; what it stands on may be away. */
export async function checkWeb(url: string): Promise<void> {
  const { ok, status } = await fetch(`${url}/healthz`, { signal: AbortSignal.timeout(2_000) });
  if (!ok) throw transientError('WEB_STARTING', url, `it answers ${String(status)}`);
}

function exitsOf(paths: StatePaths, role: Role): number {
  return readStatus(paths)?.services.find((service) => service.name === role)?.exits ?? 0;
}

function serviceFailed(paths: StatePaths, role: Role, seen: string): GraftError {
  const log = logPath(paths, role);
  const said = lastLines(log);
  const whole = said === '' ? seen : `${seen}: ${said}`;
  if (/address already in use|port .*in use|bind:/i.test(said)) {
    return inputError('PORT_IN_USE', role, whole, 'a free port', 'run graft up again: another port is chosen');
  }
  if (/no space left|disk is full|ENOSPC/i.test(said)) {
    return transientError('DISK_FULL', role, whole, undefined, 'free space on this disk and repeat');
  }
  if (/permission denied|read-only file system|EACCES/i.test(said)) {
    return inputError('PERMISSION', role, whole, undefined, `look at the owner and mode of ${paths.root}`);
  }
  return failedError('SERVICE_FAILED', role, whole, undefined, `look at ${log}`);
}

function lastLines(path: string, count = 4): string {
  try {
    const lines = readFileSync(path, 'utf8').split('\n');
    const said = lines.map((line) => line.trim()).filter((line) => line !== '');
    return said.slice(-count).join(' / ').slice(-1_500);
  } catch {
    return '';
  }
}
