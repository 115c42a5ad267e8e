import { createHash } from 'node:crypto';
import { stat, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { z } from 'zod';
import { failedError, inputError } from '../../core/errors.ts';
import { readStateFile } from '../embedded/services-file.ts';
import type { Settings } from '../config.ts';
import { ADDON_PATH, HUSH_PATH, addonFingerprint } from './addon.ts';
import { sha256OfFile, writeAtomically } from './files.ts';
import { findInFolder } from './layout.ts';
import { ARCHIVE_VERSION, TENSORFLOW_VERSION, platformOf } from './pins.ts';
import type { Platform, TensorFlowVariant } from './pins.ts';

/** A TensorFlow that can be loaded. */
export interface TensorFlowInstall {
  /** Holds `deps/lib` and `lib/napi-v8`. */
  readonly dir: string;
  readonly addonPath: string;
  readonly variant: TensorFlowVariant;
  /** Where its libraries came from. */
  readonly source: 'GRAFT_TENSORFLOW_DIR' | 'wheel' | 'archive';
}

const FileRecord = z.strictObject({
  path: z.string(),
  sizeBytes: z.number().int().nonnegative(),
  /** Null for libraries that are only borrowed from GRAFT_TENSORFLOW_DIR. */
  sha256: z.string().nullable(),
});
type FileRecord = z.infer<typeof FileRecord>;

/** Written when the libraries are in place: the first of the two steps. */
export const LibrariesFile = z.strictObject({
  version: z.literal(1),
  source: z.enum(['GRAFT_TENSORFLOW_DIR', 'wheel', 'archive']),
  files: z.array(FileRecord),
});
export type LibrariesFile = z.infer<typeof LibrariesFile>;

/** Written last: a folder without it is unfinished. */
const ReadyFile = LibrariesFile.extend({ addonFingerprint: z.string() });

const librariesPath = (dir: string): string => join(dir, 'libraries.json');
const readyPath = (dir: string): string => join(dir, 'ready.json');

export function cacheFolder(cacheDir: string, version: string, variant: TensorFlowVariant, platform: Platform): string {
  return join(cacheDir, 'tensorflow', `${version}-${variant}-${platform}`);
}

/** Throws TENSORFLOW_PLATFORM (failed) where no native TensorFlow is to be had. */
export function requirePlatform(): Platform {
  const platform = platformOf();
  if (platform !== null && !isMusl()) return platform;
  throw failedError(
    'TENSORFLOW_PLATFORM',
    `${process.platform}-${process.arch}${isMusl() ? ' with musl' : ''}`,
    'no native TensorFlow is published for it',
    'linux-x64 or linux-arm64 with glibc, or darwin-arm64',
    'use another machine or image (Debian rather than Alpine), or set GRAFT_DEVICE=js',
  );
}

function isMusl(): boolean {
  if (process.platform !== 'linux') return false;
  const report: unknown = process.report.getReport();
  const header = z.object({ header: z.object({ glibcVersionRuntime: z.string().optional() }) }).safeParse(report);
  return header.success && header.data.header.glibcVersionRuntime === undefined;
}

/** What is ready in the cache (or was made for GRAFT_TENSORFLOW_DIR); null when something has to be done first. */
export async function findTensorFlow(variant: TensorFlowVariant, known: Settings): Promise<TensorFlowInstall | null> {
  const platform = platformOf();
  if (platform === null) return null;
  const folders =
    known.tensorflowDir === null
      ? [TENSORFLOW_VERSION, ARCHIVE_VERSION].map((version) => cacheFolder(known.cacheDir, version, variant, platform))
      : [(await borrowedFolder(known, variant, platform)).dir];
  for (const dir of folders) {
    const install = await readInstall(dir, variant);
    if (install !== null) return install;
  }
  return null;
}

/** The cache folder that belongs to GRAFT_TENSORFLOW_DIR. Throws TENSORFLOW_DIR (input) when that holds nothing of use. */
export async function borrowedFolder(
  known: Settings,
  variant: TensorFlowVariant,
  platform: Platform,
): Promise<{ dir: string; libraries: string; headers: string }> {
  const given = known.tensorflowDir ?? '';
  const found = await findInFolder(given);
  if (found === null) {
    throw inputError(
      'TENSORFLOW_DIR',
      given,
      'no TensorFlow libraries with their headers',
      'libtensorflow_cc.so.2 or libtensorflow.so.2, libtensorflow_framework.so.2, include/tensorflow/c',
      'point GRAFT_TENSORFLOW_DIR to site-packages/tensorflow or an unpacked libtensorflow archive',
    );
  }
  const name = createHash('sha256')
    .update(await realpath(found.libraries))
    .digest('hex')
    .slice(0, 12);
  return { dir: join(known.cacheDir, 'tensorflow', `borrowed-${name}-${variant}-${platform}`), ...found };
}

/** A finished install whose files have the sizes they had; null otherwise. */
export async function readInstall(dir: string, variant: TensorFlowVariant): Promise<TensorFlowInstall | null> {
  const ready = readLeniently(readyPath(dir), ReadyFile);
  if (ready === null || ready.addonFingerprint !== addonFingerprint(variant)) return null;
  if (!(await haveSizes(dir, ready.files))) return null;
  return { dir, addonPath: join(dir, ADDON_PATH), variant, source: ready.source };
}

/** Whether every file of a finished install still has its SHA-256: seconds of reading. */
export async function isWhole(dir: string, signal?: AbortSignal): Promise<boolean> {
  const ready = readLeniently(readyPath(dir), ReadyFile);
  return ready !== null && (await haveHashes(dir, ready.files, signal));
}

/** The libraries step of an unfinished install; null when it has to be done (again). */
export async function readLibraries(dir: string, signal: AbortSignal): Promise<LibrariesFile | null> {
  const libraries = readLeniently(librariesPath(dir), LibrariesFile);
  return libraries !== null && (await haveHashes(dir, libraries.files, signal)) ? libraries : null;
}

export async function writeLibraries(dir: string, libraries: LibrariesFile): Promise<void> {
  await writeAtomically(librariesPath(dir), JSON.stringify(libraries, null, 2));
}

export async function writeReady(dir: string, libraries: LibrariesFile, variant: TensorFlowVariant): Promise<void> {
  const addons = [await recordOf(dir, ADDON_PATH, true), await recordOf(dir, HUSH_PATH, true)];
  const files = [...libraries.files, ...addons];
  const ready = { ...libraries, files, addonFingerprint: addonFingerprint(variant) };
  await writeAtomically(readyPath(dir), JSON.stringify(ready, null, 2));
}

export async function recordOf(dir: string, path: string, hashed: boolean, signal?: AbortSignal): Promise<FileRecord> {
  const info = await stat(join(dir, path));
  return { path, sizeBytes: info.size, sha256: hashed ? await sha256OfFile(join(dir, path), signal) : null };
}

async function haveSizes(dir: string, files: readonly FileRecord[]): Promise<boolean> {
  for (const file of files) {
    const info = await stat(join(dir, file.path)).catch(() => null);
    if (info?.size !== file.sizeBytes) return false;
  }
  return true;
}

async function haveHashes(dir: string, files: readonly FileRecord[], signal?: AbortSignal): Promise<boolean> {
  if (!(await haveSizes(dir, files))) return false;
  for (const file of files) {
    if (file.sha256 !== null && (await sha256OfFile(join(dir, file.path), signal)) !== file.sha256) return false;
  }
  return true;
}

/** A damaged record in the cache is no error: the step is done again. */
function readLeniently<T>(path: string, schema: z.ZodType<T>): T | null {
  try {
    return readStateFile(path, schema);
  } catch {
    return null;
  }
}
