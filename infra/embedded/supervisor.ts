import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { closeSync, existsSync, openSync, renameSync, rmSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../../core/errors.ts';
import { childEnvironment } from '../config.ts';
import { identify, stopProcess } from './process-identity.ts';
import { readCredentialsFile } from './services-file.ts';
import { logPath, readPlan, removePid, writePid, writeStatus } from './state-files.ts';
import type { ServicePlan, StatePaths, SupervisorStatus } from './state-files.ts';

export interface Backoff {
  readonly firstMs: number;
  readonly capMs: number;
  /** A service that ran for so long starts again at `firstMs`. */
  readonly resetAfterMs: number;
}

export interface Supervisor {
  /** Starts what the plan names and what does not run yet; nothing is stopped. */
  reconcile(): Promise<void>;
  /** Stops everything, last started first, each within its deadline. */
  stop(): Promise<void>;
}

type ServiceStatus = SupervisorStatus['services'][number];
interface Service {
  readonly plan: ServicePlan;
  status: ServiceStatus;
  readonly stopping: AbortController;
  /** Ends when the service has been stopped for good. */
  loop: Promise<void>;
}

const MAX_LOG_BYTES = 16 * 1024 ** 2;
/** So little that no variable of the user's changes how a server behaves. */
const BARE = ['PATH', 'HOME', 'TMPDIR', 'LANG', 'TZ', 'USER'];

/** Keeps the services of `plan.json` running; what it knows it writes to `status.json` and the pid files. */
export function createSupervisor(paths: StatePaths, backoff: Backoff, log: (line: string) => void): Supervisor {
  const services: Service[] = [];
  let writing: Promise<void> = Promise.resolve();
  let planId = '';
  const publish = (): void => {
    const status: SupervisorStatus = { version: 1, planId, services: services.map((each) => each.status) };
    // A full disk must not take the services down with it, and a folder that was removed must stay so.
    const write = (): Promise<void> => (existsSync(paths.root) ? writeStatus(paths, status) : Promise.resolve());
    writing = writing.then(write).catch((error: unknown) => log(messageOf(error)));
  };
  const report = (service: Service, change: Partial<ServiceStatus>): void => {
    service.status = { ...service.status, ...change };
    publish();
  };
  const add = (plan: ServicePlan): void => {
    const status: ServiceStatus = { name: plan.name, state: 'running', pid: null, exits: 0, lastExit: null };
    const service: Service = { plan, status, stopping: new AbortController(), loop: Promise.resolve() };
    services.push(service);
    service.loop = keepRunning(service, paths, backoff, log, (change) => {
      report(service, change);
    });
  };
  return {
    reconcile: async () => {
      const wanted = readPlan(paths);
      for (const plan of wanted?.services ?? []) {
        if (!services.some((service) => service.plan.name === plan.name)) add(plan);
      }
      planId = wanted?.id ?? '';
      publish();
      await writing;
    },
    stop: async () => {
      for (const service of [...services].reverse()) {
        service.stopping.abort();
        const identity = service.status.pid === null ? null : identify(service.status.pid);
        if (identity !== null) {
          log(`${service.plan.name}: stopping`);
          const end = await stopProcess(identity, service.plan.stopWithinMs);
          if (end === 'killed') log(`${service.plan.name}: killed after ${String(service.plan.stopWithinMs)} ms`);
        }
        await service.loop;
        report(service, { state: 'stopped', pid: null });
      }
      await writing;
    },
  };
}

async function keepRunning(
  service: Service,
  paths: StatePaths,
  backoff: Backoff,
  log: (line: string) => void,
  report: (change: Partial<ServiceStatus>) => void,
): Promise<void> {
  const { plan, stopping } = service;
  let delayMs = backoff.firstMs;
  while (!stopping.signal.aborted) {
    const startedAt = performance.now();
    const lastExit = await runOnce(plan, paths, (pid) => {
      log(`${plan.name}: started as ${String(pid)}`);
      report({ state: 'running', pid });
    });
    removePid(paths, plan.name);
    if (stopping.signal.aborted) return;
    if (performance.now() - startedAt > backoff.resetAfterMs) delayMs = backoff.firstMs;
    log(`${plan.name}: ${lastExit}; again in ${String(delayMs)} ms`);
    report({ state: 'waiting to restart', pid: null, lastExit, exits: service.status.exits + 1 });
    await sleep(delayMs, undefined, { signal: stopping.signal }).catch(() => undefined);
    delayMs = Math.min(delayMs * 2, backoff.capMs);
  }
}

/** One life of a service: resolves to how it ended, in words. */
async function runOnce(plan: ServicePlan, paths: StatePaths, onStart: (pid: number) => void): Promise<string> {
  try {
    if (plan.readyFile !== null) rmSync(plan.readyFile, { force: true });
    const child = start(plan, paths);
    const ended = ending(child);
    const identity = child.pid === undefined ? null : identify(child.pid);
    if (identity !== null) {
      writePid(paths, plan.name, identity);
      onStart(identity.pid);
    }
    return await ended;
  } catch (error) {
    return messageOf(error);
  }
}

function start(plan: ServicePlan, paths: StatePaths): ChildProcess {
  const log = openLog(logPath(paths, plan.name));
  try {
    return spawn(plan.command, plan.args, { stdio: ['ignore', log, log], env: environmentOf(plan, paths) });
  } finally {
    closeSync(log);
  }
}

function environmentOf(plan: ServicePlan, paths: StatePaths): Record<string, string> {
  const all = childEnvironment();
  const base = plan.inheritsEnvironment
    ? all
    : Object.fromEntries(Object.entries(all).filter(([name]) => BARE.includes(name)));
  const secrets: Record<string, string> = {};
  if (plan.credentials !== null) {
    const known = readCredentialsFile(paths.root);
    if (known === null) throw new Error(`no credentials below ${paths.root}`);
    secrets[plan.credentials.accessKey] = known.accessKey;
    secrets[plan.credentials.secretKey] = known.secretKey;
  }
  return { ...base, ...plan.env, ...secrets };
}

/** One older log is kept. */
function openLog(path: string): number {
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (size > MAX_LOG_BYTES) renameSync(path, `${path}.1`);
  return openSync(path, 'a', 0o600);
}

function ending(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('error', (error) => {
      resolve(messageOf(error));
    });
    child.once('exit', (code, signal) => {
      resolve(signal ?? `exit code ${String(code)}`);
    });
  });
}
