import process from 'node:process';
import { messageOf } from '../../core/errors.ts';
import { connections } from '../../infra/config.ts';
import type { Settings } from '../../infra/config.ts';
import { checkStore, checkTemporal } from '../../infra/embedded/health.ts';
import { readPids, statePaths } from '../../infra/embedded/state-files.ts';
import { runningSupervisor } from '../../infra/embedded/stop.ts';
import { findCompiler } from '../../infra/native/addon.ts';
import { findS3Server, findTemporal } from '../../infra/native/binaries.ts';
import { freeBytes } from '../../infra/native/files.ts';
import type { LoadedTensorFlow } from '../../infra/native/load-tensorflow.ts';
import { findKernels } from '../../infra/native/kernels.ts';
import type { OwnAddon } from '../../infra/native/own-addon.ts';
import { platformOf } from '../../infra/native/pins.ts';
import { findPip } from '../../infra/native/pip.ts';
import { probeTensorFlow } from '../../infra/native/probe-tensorflow.ts';
import { findResampler } from '../../infra/native/resampler.ts';
import { findTensorFlow } from '../../infra/native/tensorflow-cache.ts';
import { findOnPath } from '../../infra/native/tools.ts';

/** `ok`: fine; `note`: works, but a person may want to know; `bad`: graft can't work until it is mended. */
export type CheckStatus = 'ok' | 'note' | 'bad';

export interface Check {
  readonly name: string;
  readonly status: CheckStatus;
  readonly found: string;
  /** What to do about it; null when nothing is to be done. */
  readonly mend: string | null;
}

export interface Diagnosis {
  readonly checks: readonly Check[];
  readonly tensorflow: LoadedTensorFlow | null;
}

const FIX = 'graft doctor --fix';

/** Looks at everything graft stands on; fetches, starts and changes nothing (but a probe object in the store). */
export async function diagnose(known: Settings): Promise<Diagnosis> {
  const { check: tensorFlow, loaded } = await checkTensorFlow(known);
  const others = await Promise.all([
    checkKernels(known, loaded),
    checkResampler(known),
    checkTools(known, loaded !== null && loaded.backend !== 'cpu-js'),
    checkTemporalProgram(known),
    checkS3Program(known),
    checkTemporalService(known),
    checkStoreService(known),
    checkDisk('cache', known.cacheDir),
    checkDisk('state', known.stateDir),
  ]);
  return { checks: [checkNode(process.versions.node), tensorFlow, ...others], tensorflow: loaded };
}

/** Node 20.6 is the first that runs TypeScript through tsx as graft does. */
export function checkNode(version: string): Check {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const name = 'Node.js';
  if (major < 20 || (major === 20 && minor < 6)) {
    return { name, status: 'bad', found: version, mend: 'install Node.js 20, 22 or 24' };
  }
  const tested = major === 20 || major === 22 || major === 24;
  return tested
    ? { name, status: 'ok', found: version, mend: null }
    : { name, status: 'note', found: `${version}, which graft is not tested with`, mend: 'use Node.js 20, 22 or 24' };
}

async function checkTensorFlow(known: Settings): Promise<{ check: Check; loaded: LoadedTensorFlow | null }> {
  const name = 'TensorFlow';
  try {
    const loaded = await probeTensorFlow(known);
    const { backend, tensorflowVersion, device, threads, why, dir } = loaded;
    const native = backend !== 'cpu-js';
    const found = native
      ? `${tensorflowVersion} on ${device.toUpperCase()} with ${String(threads)} threads (${why}), in ${dir ?? ''}`
      : `plain JavaScript, 10 to 100 times slower (${why})`;
    const chosen = known.device === 'js' || platformOf() === null;
    const status = native || chosen ? (native ? 'ok' : 'note') : 'bad';
    return { check: { name, status, found, mend: native || chosen ? null : FIX }, loaded };
  } catch (error) {
    return { check: { name, status: 'bad', found: messageOf(error), mend: FIX }, loaded: null };
  }
}

/** What graft computes faster than TensorFlow. */
async function checkKernels(known: Settings, loaded: LoadedTensorFlow | null): Promise<Check> {
  const name = 'training kernels';
  if (known.kernels === 'tensorflow') return { name, status: 'ok', found: 'TensorFlow’s (GRAFT_KERNELS)', mend: null };
  const install = loaded?.backend === 'tensorflow' ? await findTensorFlow('cpu', known) : null;
  if (install === null)
    return { name, status: 'ok', found: 'not needed: they are for TensorFlow on a CPU', mend: null };
  return ownAddon(name, await findKernels(install, known, false));
}

async function checkResampler(known: Settings): Promise<Check> {
  return ownAddon('resampler', await findResampler(known, false));
}

function ownAddon(name: string, found: OwnAddon): Check {
  if (found.kind === 'ready') return { name, status: 'ok', found: `graft’s own, for ${found.processor}`, mend: null };
  return { name, status: 'note', found: found.why, mend: found.mend };
}

/** Needed only to provision: once that is done, their absence is a note. */
async function checkTools(known: Settings, provisioned: boolean): Promise<Check> {
  const compiler = await findCompiler(known);
  const pip = await findPip(known);
  const go = await findOnPath('go', known);
  const found = [
    `C++ ${compiler ?? 'missing'}`,
    `pip ${pip === null ? 'missing' : `of ${pip.python}`}`,
    `Go ${go ?? 'missing'}`,
  ].join(', ');
  const name = 'tools to provision with';
  if (compiler !== null && (pip !== null || go !== null)) return { name, status: 'ok', found, mend: null };
  const mend = 'apt install g++ python3-pip golang, or dnf install gcc-c++ python3-pip golang';
  return { name, status: provisioned || compiler !== null ? 'note' : 'bad', found, mend };
}

async function checkTemporalProgram(known: Settings): Promise<Check> {
  const name = 'Temporal program';
  if (known.temporal !== null) return { name, status: 'ok', found: 'not needed: TEMPORAL_ADDRESS is set', mend: null };
  return program(name, () => findTemporal(known));
}

async function checkS3Program(known: Settings): Promise<Check> {
  const name = 'object store program';
  if (known.s3 !== null) return { name, status: 'ok', found: 'not needed: S3_ENDPOINT is set', mend: null };
  return program(name, () => findS3Server(known));
}

async function program(name: string, find: () => Promise<{ path: string; source: string } | null>): Promise<Check> {
  try {
    const found = await find();
    if (found === null) return { name, status: 'bad', found: 'missing', mend: FIX };
    return { name, status: 'ok', found: `${found.path} (${found.source})`, mend: null };
  } catch (error) {
    return { name, status: 'bad', found: messageOf(error), mend: null };
  }
}

async function checkTemporalService(known: Settings): Promise<Check> {
  const name = 'Temporal';
  const { temporal } = connections(known);
  if (temporal === null || (known.temporal === null && !embeddedRuns(known))) return notRunning(name);
  return service(name, `${temporal.address}, namespace ${temporal.namespace}`, () => checkTemporal(temporal, 5_000));
}

async function checkStoreService(known: Settings): Promise<Check> {
  const name = 'object store';
  const { s3 } = connections(known);
  if (s3 === null || (known.s3 === null && !embeddedRuns(known))) return notRunning(name);
  const found = `${s3.endpoint}, bucket ${s3.bucket}, honours conditional writes`;
  return service(name, found, () => checkStore(s3, 2));
}

function embeddedRuns(known: Settings): boolean {
  const paths = statePaths(known.stateDir);
  return runningSupervisor(paths) !== null && readPids(paths).size > 0;
}

function notRunning(name: string): Check {
  return { name, status: 'note', found: 'not running', mend: 'graft up' };
}

async function service(name: string, found: string, check: () => Promise<void>): Promise<Check> {
  try {
    await check();
    return { name, status: 'ok', found, mend: null };
  } catch (error) {
    return { name, status: 'bad', found: messageOf(error), mend: null };
  }
}

const ENOUGH_BYTES = 5 * 1024 ** 3;
const LEAST_BYTES = 500 * 1024 ** 2;

async function checkDisk(what: string, path: string): Promise<Check> {
  const name = `disk for ${what}`;
  try {
    const free = await freeBytes(path);
    const found = `${(free / 1024 ** 3).toFixed(1)} GiB free at ${path}`;
    if (free >= ENOUGH_BYTES) return { name, status: 'ok', found, mend: null };
    const mend = 'free space, or set XDG_CACHE_HOME or GRAFT_STATE_DIR to another disk';
    return { name, status: free < LEAST_BYTES ? 'bad' : 'note', found, mend };
  } catch (error) {
    return { name, status: 'bad', found: messageOf(error), mend: null };
  }
}
