import { failedError, messageOf } from '../../core/errors.ts';
import { connections, settings as currentSettings } from '../config.ts';
import type { Connections, Settings } from '../config.ts';
import { requireFreeBytes } from '../native/files.ts';
import { withLock } from '../native/lock.ts';
import type { OnProvision, ProvisionItem } from '../native/progress.ts';
import { provisionEverything } from '../native/provision-all.ts';
import { whyUnreachable } from '../temporal/reach.ts';
import { dashboardToken, dashboardUrl } from './dashboard-token.ts';
import { checkStore, checkTemporal, checkWeb, checkWorker, waitUntilHealthy } from './health.ts';
import { layOut, planServices } from './plan.ts';
import type { Binaries } from './plan.ts';
import { portOf } from './ports.ts';
import { readServicesFile } from './services-file.ts';
import { adoptSupervisor, submit } from './submit.ts';
import { logPath, makeStateFolders, readPlan, roles, statePaths } from './state-files.ts';
import type { Role, ServicePlan, StatePaths } from './state-files.ts';
import { runningSupervisor, stopOrphans, stopSupervisor } from './stop.ts';

export interface UpOptions {
  readonly settings?: Settings;
  /** What is wanted; all by default. A part that the environment names is used, not started. */
  readonly roles?: readonly Role[];
  readonly onProgress?: OnProvision;
  /** What happens, in words: `starting temporal`. */
  readonly onStep?: (step: string) => void;
  /** Something a person should know that stops nothing. */
  readonly onWarning?: (text: string) => void;
  readonly signal?: AbortSignal;
}

export interface UpResult extends Partial<Connections> {
  /** The embedded services that run now. */
  readonly running: readonly Role[];
  /** Those that this call started. */
  readonly started: readonly Role[];
  /** Where the dashboard is, with its token; null where it does not run. */
  readonly dashboardUrl: string | null;
}

const NEEDED_BYTES = 500 * 1024 ** 2;
const HEALTHY_WITHIN_MS: Readonly<Record<Role, number>> = {
  temporal: 60_000,
  s3: 60_000,
  worker: 180_000,
  web: 60_000,
};

/**
 * Starts what is wanted and does not run yet, and returns when all of it is healthy; what an earlier, killed `graft up`
 * left behind is stopped first, and its data and ports are taken up again. When something does not become healthy,
 * what this call started is stopped again.
 *
 * Throws PORT_IN_USE, PERMISSION, S3_KIND, STORE_CONDITIONAL, CONFIG_ENV, STATE_FILE (input), SERVICE_FAILED,
 * TEMPORAL_MISSING, S3_SERVER_MISSING (failed), DISK_FULL, TEMPORAL_UNREACHABLE, STORE_UNREACHABLE (transient) …
 */
export async function up(options: UpOptions = {}): Promise<UpResult> {
  const known = options.settings ?? currentSettings();
  const paths = statePaths(known.stateDir);
  const wanted = roles.filter((role) => (options.roles ?? roles).includes(role) && !isGiven(role, known));
  await checkGiven(known, options.roles ?? roles);
  await makeStateFolders(paths);
  await requireFreeBytes(paths.root, NEEDED_BYTES);
  const wait = {
    pollMs: 100,
    onWait: () => options.onStep?.('waiting for another graft up or down'),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  };
  const binaries = await provide(wanted, known, options);
  return withLock(paths.lock, () => startMissing(paths, wanted, binaries, known, options), wait);
}

/**
 * The connections for a command that needs services: from the environment, from what runs, or from what is started now.
 * Throws as `up` does.
 */
export async function ensureServices(options: UpOptions & { readonly quiet?: boolean } = {}): Promise<Connections> {
  const known = options.settings ?? currentSettings();
  if (known.temporal !== null && known.s3 !== null) return { temporal: known.temporal, s3: known.s3 };
  const wanted = roles.filter((role) => !isGiven(role, known));
  if (await allAnswer(known, wanted)) return complete(known);
  const { onStep, onProgress, ...rest } = options;
  await up(options.quiet === true ? rest : { ...rest, ...(onStep && { onStep }), ...(onProgress && { onProgress }) });
  return complete(known);
}

async function allAnswer(known: Settings, wanted: readonly Role[]): Promise<boolean> {
  const running = runningRoles(statePaths(known.stateDir));
  if (!wanted.every((role) => running.includes(role))) return false;
  const { temporal, s3 } = connections(known);
  const addresses = [
    ...(wanted.includes('temporal') ? [temporal?.address ?? ''] : []),
    ...(wanted.includes('s3') ? [(s3?.endpoint ?? '').replace(/^https?:\/\//, '')] : []),
  ];
  for (const address of addresses) {
    if (portOf(address) === null || (await whyUnreachable(address, 2_000)) !== null) return false;
  }
  return true;
}

function complete(known: Settings): Connections {
  const { temporal, s3 } = connections(known);
  if (temporal !== null && s3 !== null) return { temporal, s3 };
  const where = temporal === null ? 'Temporal' : 'the object store';
  throw failedError('SERVICE_FAILED', where, 'started, but its address is not written down', '', 'repeat');
}

function isGiven(role: Role, known: Settings): boolean {
  if (role === 'temporal') return known.temporal !== null;
  return role === 's3' && known.s3 !== null;
}

/** What the environment names has to answer before anything is started beside it. */
async function checkGiven(known: Settings, wanted: readonly Role[]): Promise<void> {
  if (known.temporal !== null && wanted.includes('temporal')) await checkTemporal(known.temporal);
  if (known.s3 !== null && wanted.includes('s3')) await checkStore(known.s3);
}

function runningRoles(paths: StatePaths): readonly Role[] {
  if (runningSupervisor(paths) === null) return [];
  return readPlan(paths)?.services.map((service) => service.name) ?? [];
}

async function provide(wanted: readonly Role[], known: Settings, options: UpOptions): Promise<Binaries> {
  const items: ProvisionItem[] = [];
  if (wanted.includes('temporal')) items.push('temporal');
  if (wanted.includes('s3')) items.push('s3');
  if (wanted.includes('worker')) items.push('tensorflow');
  const { onProgress, signal } = options;
  const report = await provisionEverything({
    settings: known,
    items,
    ...(onProgress === undefined ? {} : { onProgress }),
    ...(signal === undefined ? {} : { signal }),
  });
  for (const part of [report.temporal, report.s3]) if (part?.kind === 'failed') throw part.error;
  if (report.tensorflow?.kind === 'failed') {
    if (known.device !== 'auto') throw report.tensorflow.error;
    options.onWarning?.(`training will compute in plain JavaScript, slowly: ${messageOf(report.tensorflow.error)}`);
  }
  return {
    temporal: report.temporal?.kind === 'ready' ? report.temporal.value : null,
    s3: report.s3?.kind === 'ready' ? report.s3.value : null,
  };
}

async function startMissing(
  paths: StatePaths,
  wanted: readonly Role[],
  binaries: Binaries,
  known: Settings,
  options: UpOptions,
): Promise<UpResult> {
  const before = await adoptSupervisor(paths);
  if (before === null) {
    for (const name of await stopOrphans(paths)) options.onStep?.(`stopped a ${name} that was left behind`);
  }
  const started = wanted.filter((role) => before?.some((service) => service.name === role) !== true);
  try {
    await startInPhases(paths, wanted, before ?? [], await plan(paths, started, binaries, known), options);
    const found = connections(known);
    if (wanted.length > 0 && runningSupervisor(paths) === null) {
      throw failedError('SERVICE_FAILED', 'supervisor', 'ended', undefined, `look at ${logPath(paths, 'supervisor')}`);
    }
    return {
      ...(found.temporal === null ? {} : { temporal: found.temporal }),
      ...(found.s3 === null ? {} : { s3: found.s3 }),
      running: runningRoles(paths),
      started,
      dashboardUrl: await dashboardOf(paths, known),
    };
  } catch (error) {
    if (before === null) {
      await stopSupervisor(paths);
      await stopOrphans(paths);
    }
    throw error;
  }
}

async function dashboardOf(paths: StatePaths, { webToken }: Settings): Promise<string | null> {
  const url = readServicesFile(paths.root)?.web?.url;
  if (url === undefined || !runningRoles(paths).includes('web')) return null;
  return dashboardUrl(url, webToken ?? (await dashboardToken(paths.root)));
}

async function plan(
  paths: StatePaths,
  started: readonly Role[],
  binaries: Binaries,
  known: Settings,
): Promise<readonly ServicePlan[]> {
  if (started.length === 0) return [];
  return planServices(paths, started, await layOut(paths, started, binaries, known), binaries);
}

/** The servers first, then the workers, which end when they find no server. */
async function startInPhases(
  paths: StatePaths,
  wanted: readonly Role[],
  before: readonly ServicePlan[],
  added: readonly ServicePlan[],
  options: UpOptions,
): Promise<void> {
  const found = connections(options.settings ?? currentSettings());
  let services = before;
  for (const phase of [
    ['temporal', 's3'],
    ['worker', 'web'],
  ] as const) {
    const now = added.filter((service) => phase.some((role) => role === service.name));
    for (const { name } of now) options.onStep?.(`starting ${name}`);
    services = [...services, ...now];
    if (now.length > 0) await submit(paths, services);
    for (const role of phase) if (wanted.includes(role)) await waitFor(role, paths, found, options.signal);
  }
}

async function waitFor(
  role: Role,
  paths: StatePaths,
  { temporal, s3 }: ReturnType<typeof connections>,
  signal: AbortSignal | undefined,
): Promise<void> {
  const check = {
    temporal: () => (temporal === null ? Promise.resolve() : checkTemporal(temporal, 3_000)),
    s3: () => (s3 === null ? Promise.resolve() : checkStore(s3, 1)),
    worker: () => checkWorker(paths),
    web: () => checkWeb(readServicesFile(paths.root)?.web?.url ?? ''),
  }[role];
  const deadlineMs = HEALTHY_WITHIN_MS[role];
  await waitUntilHealthy({ paths, role, deadlineMs, check, ...(signal === undefined ? {} : { signal }) });
}
