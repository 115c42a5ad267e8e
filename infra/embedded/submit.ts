import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { closeSync, openSync } from 'node:fs';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { failedError } from '../../core/errors.ts';
import { programOf } from '../../programs/start.ts';
import { childEnvironment } from '../config.ts';
import { send } from './process-identity.ts';
import { logPath, readPlan, readStatus, writePlan } from './state-files.ts';
import type { ServicePlan, StatePaths } from './state-files.ts';
import { runningSupervisor, stopSupervisor } from './stop.ts';

const ANSWERS_WITHIN_MS = 10_000;
const STARTS_WITHIN_MS = 60_000;

/**
 * The services of a supervisor that answers; null when there is none. One that runs but does not answer (it is dying
 * of a kill, or frozen) is stopped.
 */
export async function adoptSupervisor(paths: StatePaths): Promise<readonly ServicePlan[] | null> {
  const supervisor = runningSupervisor(paths);
  if (supervisor === null) return null;
  const services = readPlan(paths)?.services ?? [];
  const id = await write(paths, services);
  if (send(supervisor, 'SIGHUP') && (await answered(paths, id, ANSWERS_WITHIN_MS))) return services;
  await stopSupervisor(paths);
  return null;
}

/** Hands the plan to the supervisor, started here if there is none, and waits until it has taken it up. */
export async function submit(paths: StatePaths, services: readonly ServicePlan[]): Promise<void> {
  const id = await write(paths, services);
  const supervisor = runningSupervisor(paths);
  if (supervisor === null) spawnSupervisor(paths);
  else send(supervisor, 'SIGHUP');
  if (await answered(paths, id, STARTS_WITHIN_MS, supervisor === null)) return;
  throw failedError(
    'SERVICE_FAILED',
    'supervisor',
    'did not start',
    undefined,
    `look at ${logPath(paths, 'supervisor')}`,
  );
}

async function write(paths: StatePaths, services: readonly ServicePlan[]): Promise<string> {
  const id = randomUUID();
  await writePlan(paths, { version: 1, id, services: [...services] });
  return id;
}

async function answered(paths: StatePaths, id: string, withinMs: number, starting = false): Promise<boolean> {
  const deadline = performance.now() + withinMs;
  for (let seen = !starting; performance.now() < deadline; await sleep(20)) {
    if (readStatus(paths)?.planId === id) return true;
    const running = runningSupervisor(paths) !== null;
    // A supervisor that was there and is gone will not answer; one that is being started has yet to appear.
    if (seen && !running) return false;
    seen ||= running;
  }
  return false;
}

function spawnSupervisor(paths: StatePaths): void {
  const log = openSync(logPath(paths, 'supervisor'), 'a', 0o600);
  const { path, execArgv } = programOf('supervisor-process');
  try {
    const child = spawn(process.execPath, [...execArgv, path, paths.root], {
      detached: true,
      stdio: ['ignore', log, log],
      env: childEnvironment(),
    });
    child.on('error', () => undefined);
    child.unref();
  } finally {
    closeSync(log);
  }
}
