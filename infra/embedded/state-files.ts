import { readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { makeFolder, writeAtomically } from '../native/files.ts';
import { ProcessIdentity } from './process-identity.ts';
import { readStateFile } from './services-file.ts';

export const roles = ['temporal', 's3', 'worker', 'web'] as const;
export type Role = (typeof roles)[number];

/** One process for the supervisor to keep running. The plan holds no secret: `credentials` names variables to fill. */
export const ServicePlan = z.strictObject({
  name: z.enum(roles),
  command: z.string(),
  args: z.array(z.string()),
  env: z.record(z.string(), z.string()),
  /** The variables that get the embedded store's credentials, if it needs them. */
  credentials: z.strictObject({ accessKey: z.string(), secretKey: z.string() }).nullable(),
  /** Starts with the supervisor's whole environment, or with next to nothing. */
  inheritsEnvironment: z.boolean(),
  /** Removed before each start; the process creates it when it is ready. */
  readyFile: z.string().nullable(),
  /** From SIGTERM to SIGKILL. */
  stopWithinMs: z.number().int().positive(),
});
export type ServicePlan = z.infer<typeof ServicePlan>;

/** What the supervisor is to run, in the order of starting; it stops them in reverse. */
export const SupervisorPlan = z.strictObject({
  version: z.literal(1),
  /** New with every writing: the status repeats the one that the supervisor has taken up. */
  id: z.string(),
  services: z.array(ServicePlan),
});
export type SupervisorPlan = z.infer<typeof SupervisorPlan>;

/** What the supervisor last did, for `graft up` that waits and for `graft doctor`. */
export const SupervisorStatus = z.strictObject({
  version: z.literal(1),
  planId: z.string(),
  services: z.array(
    z.strictObject({
      name: z.enum(roles),
      state: z.enum(['running', 'waiting to restart', 'stopped']),
      pid: z.number().int().nullable(),
      /** Exits since the supervisor began. */
      exits: z.number().int().nonnegative(),
      /** `exit code 1`, `SIGKILL`, or why it could not be started. */
      lastExit: z.string().nullable(),
    }),
  ),
});
export type SupervisorStatus = z.infer<typeof SupervisorStatus>;

/** The names of everything below the state folder. */
export interface StatePaths {
  readonly root: string;
  readonly plan: string;
  readonly status: string;
  readonly pids: string;
  readonly logs: string;
  readonly lock: string;
  readonly temporalDb: string;
  readonly s3: string;
  readonly workerReady: string;
}

export function statePaths(stateDir: string): StatePaths {
  return {
    root: stateDir,
    plan: join(stateDir, 'plan.json'),
    status: join(stateDir, 'status.json'),
    pids: join(stateDir, 'pids'),
    logs: join(stateDir, 'logs'),
    lock: join(stateDir, 'up'),
    temporalDb: join(stateDir, 'temporal.db'),
    s3: join(stateDir, 's3'),
    workerReady: join(stateDir, 'worker.ready'),
  };
}

export const logPath = (paths: StatePaths, name: string): string => join(paths.logs, `${name}.log`);

/** Makes the folders, closed to others. Throws PERMISSION (input), DISK_FULL (transient). */
export async function makeStateFolders(paths: StatePaths): Promise<void> {
  await makeFolder(paths.root, 0o700);
  await makeFolder(paths.pids, 0o700);
  await makeFolder(paths.logs, 0o700);
}

export async function writePlan(paths: StatePaths, plan: SupervisorPlan): Promise<void> {
  await writeAtomically(paths.plan, JSON.stringify(plan, null, 2), 0o600);
}

export function readPlan(paths: StatePaths): SupervisorPlan | null {
  return readStateFile(paths.plan, SupervisorPlan);
}

export async function writeStatus(paths: StatePaths, status: SupervisorStatus): Promise<void> {
  await writeAtomically(paths.status, JSON.stringify(status, null, 2));
}

export function readStatus(paths: StatePaths): SupervisorStatus | null {
  return readStateFile(paths.status, SupervisorStatus);
}

const pidPath = (paths: StatePaths, name: string): string => join(paths.pids, `${name}.json`);

/** Without waiting for anything: a process must not run for long without being written down. */
export function writePid(paths: StatePaths, name: string, identity: ProcessIdentity): void {
  const path = pidPath(paths, name);
  writeFileSync(`${path}.tmp`, JSON.stringify(identity), { mode: 0o600 });
  renameSync(`${path}.tmp`, path);
}

export function readPid(paths: StatePaths, name: string): ProcessIdentity | null {
  return readStateFile(pidPath(paths, name), ProcessIdentity);
}

export function removePid(paths: StatePaths, name: string): void {
  rmSync(pidPath(paths, name), { force: true });
}

/** Every process that was written down: `supervisor` and the services. */
export function readPids(paths: StatePaths): Map<string, ProcessIdentity> {
  const found = new Map<string, ProcessIdentity>();
  for (const file of namesIn(paths.pids)) {
    const name = /^([a-z0-9]+)\.json$/.exec(file)?.[1];
    const identity = name === undefined ? null : readPid(paths, name);
    if (name !== undefined && identity !== null) found.set(name, identity);
  }
  return found;
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
