import { rmSync } from 'node:fs';
import { isRunning, stopProcess } from './process-identity.ts';
import { readPid, readPids, readPlan, removePid, roles } from './state-files.ts';
import type { StatePaths } from './state-files.ts';

/** Stops the supervisor, which stops its services; resolves once all of them are gone. False when none ran. */
export async function stopSupervisor(paths: StatePaths): Promise<boolean> {
  const supervisor = readPid(paths, 'supervisor');
  if (supervisor === null || !isRunning(supervisor)) return false;
  const services = readPlan(paths)?.services ?? [];
  const graceMs = services.reduce((sum, service) => sum + service.stopWithinMs, 10_000);
  await stopProcess(supervisor, graceMs);
  return true;
}

/**
 * Stops what an earlier supervisor left behind: exactly the processes in the pid files, and only if they are still the
 * same ones. Resolves to the names of those that ran.
 */
export async function stopOrphans(paths: StatePaths): Promise<string[]> {
  const left = readPids(paths);
  const stopped: string[] = [];
  for (const name of [...roles].reverse()) {
    const identity = left.get(name);
    if (identity === undefined) continue;
    const graceMs = readPlan(paths)?.services.find((service) => service.name === name)?.stopWithinMs ?? 15_000;
    if ((await stopProcess(identity, graceMs)) !== 'was gone') stopped.push(name);
    removePid(paths, name);
  }
  removePid(paths, 'supervisor');
  for (const file of [paths.status, paths.workerReady]) rmSync(file, { force: true });
  return stopped;
}

/** The supervisor, if it runs. */
export function runningSupervisor(paths: StatePaths): ReturnType<typeof readPid> {
  const supervisor = readPid(paths, 'supervisor');
  return supervisor !== null && isRunning(supervisor) ? supervisor : null;
}
