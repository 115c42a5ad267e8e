import { readdir, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { GraftError, failedError } from '../../core/errors.ts';
import { settings as currentSettings } from '../config.ts';
import type { Settings } from '../config.ts';
import { LIBRARY_FOLDER, compileAddons, requireCompiler } from './addon.ts';
import type { CompileOptions } from './addon.ts';
import { memberMissing, unpackTar, unpackZip } from './archives.ts';
import { fileProblem, makeFolder, requireFreeBytes, sha256OfFile, sizeOf, temporaryBeside } from './files.ts';
import { download } from './http-download.ts';
import { archivePlacement, borrowLibraries, findLibraries, linkLibraries, wheelPlacement } from './layout.ts';
import { withLock } from './lock.ts';
import { ARCHIVE_VERSION, TENSORFLOW_VERSION, tensorFlowArchive, tensorFlowWheel } from './pins.ts';
import type { ArchivePin, Platform, TensorFlowVariant, WheelPin } from './pins.ts';
import { findPip, pipDownload, pipMissing } from './pip.ts';
import type { Pip } from './pip.ts';
import type { OnProvision } from './progress.ts';
import * as cache from './tensorflow-cache.ts';
import type { LibrariesFile, TensorFlowInstall } from './tensorflow-cache.ts';

export interface ProvisionTensorFlowOptions {
  readonly variant?: TensorFlowVariant;
  readonly settings?: Settings;
  readonly onProgress?: OnProvision;
  readonly signal?: AbortSignal;
  /** Reads every byte of what is there and mends what differs; else sizes are enough. */
  readonly verify?: boolean;
  /** Stand-ins, for tests. */
  readonly parts?: ProvisionParts;
}

export interface ProvisionParts {
  readonly wheel: WheelPin | null;
  readonly archive: ArchivePin | null;
  readonly compile: (dir: string, options: CompileOptions) => Promise<void>;
}

/**
 * Makes native TensorFlow ready, doing only what is missing: GRAFT_TENSORFLOW_DIR → the cache → the Python wheel through
 * pip → the official archive; then compiles the addon. Each step is checked and ends with a rename, so a process killed
 * anywhere costs only the step it was in, and two processes at once share the work.
 *
 * Throws TENSORFLOW_MISSING (failed; lists what was tried), TENSORFLOW_PLATFORM, ADDON_COMPILE, ADDON_LOAD (failed),
 * TENSORFLOW_DIR, COMPILER_MISSING, PACKAGE_MISSING, PERMISSION (input), DISK_FULL (transient).
 */
export async function provisionTensorFlow(options: ProvisionTensorFlowOptions = {}): Promise<TensorFlowInstall> {
  const { variant = 'cpu', settings = currentSettings(), verify = false } = options;
  const platform = cache.requirePlatform();
  const present = await cache.findTensorFlow(variant, settings);
  if (present !== null && !(verify && !(await cache.isWhole(present.dir, options.signal)))) return present;
  const context: Context = { ...options, variant, settings, platform, compiler: await requireCompiler(settings) };
  if (settings.tensorflowDir !== null) {
    const { dir, libraries, headers } = await cache.borrowedFolder(settings, variant, platform);
    return build(context, { dir, headers, provide: () => borrow(dir, libraries) });
  }
  return fromSources(context);
}

interface Context extends ProvisionTensorFlowOptions {
  readonly variant: TensorFlowVariant;
  readonly settings: Settings;
  readonly platform: Platform;
  readonly compiler: string;
}

interface Plan {
  readonly dir: string;
  readonly headers: string;
  /** Puts the libraries under `<dir>/deps/lib`. */
  readonly provide: (signal: AbortSignal) => Promise<LibrariesFile>;
}

/** What makes the next source worth trying; anything else would fail there too. */
const PASSED_OVER = /^(PIP_|DOWNLOAD_|ARCHIVE_)/;

async function fromSources(context: Context): Promise<TensorFlowInstall> {
  const pip = await findPip(context.settings);
  const { variant, platform, parts } = context;
  const wheel = parts === undefined ? tensorFlowWheel(variant, platform, pip?.pythonVersion ?? null) : parts.wheel;
  const archive = parts === undefined ? tensorFlowArchive(variant, platform) : parts.archive;
  const at = (version: string): string => cache.cacheFolder(context.settings.cacheDir, version, variant, platform);
  const tried: string[] = [];
  for (const [pin, dir] of [[wheel, at(TENSORFLOW_VERSION)] as const, [archive, at(ARCHIVE_VERSION)] as const]) {
    if (pin === null) continue;
    try {
      const provide = (signal: AbortSignal): Promise<LibrariesFile> => unpackInto(dir, pin, pip, context, signal);
      return await build(context, { dir, headers: join(dir, 'include'), provide });
    } catch (error) {
      if (!(error instanceof GraftError) || !PASSED_OVER.test(error.code)) throw error;
      tried.push(error.message);
      context.onProgress?.({ item: 'tensorflow', step: 'next source', note: error.message });
    }
  }
  const byHand = wheel === null ? '' : ` or put ${wheel.fileName} into ${join(at(TENSORFLOW_VERSION), 'package')}`;
  throw failedError(
    'TENSORFLOW_MISSING',
    `${variant} ${platform}`,
    tried.join('; ') || 'no source for this platform',
    'the Python wheel through pip, or the official archive',
    `connect once and repeat, or set GRAFT_TENSORFLOW_DIR to a folder that has TensorFlow,${byHand}`,
  );
}

async function build(context: Context, plan: Plan): Promise<TensorFlowInstall> {
  const { variant, onProgress, compiler, settings } = context;
  const say = (step: string): void => onProgress?.({ item: 'tensorflow', step });
  const work = async (signal: AbortSignal): Promise<TensorFlowInstall> => {
    const done = await cache.readInstall(plan.dir, variant);
    if (done !== null && !(context.verify === true && !(await cache.isWhole(plan.dir, signal)))) return done;
    await makeFolder(plan.dir);
    await sweep(plan.dir);
    const libraries = (await cache.readLibraries(plan.dir, signal)) ?? (await plan.provide(signal));
    say('compile');
    const compile = context.parts?.compile ?? compileAddons;
    await compile(plan.dir, { variant, compiler, settings, signal, includeFolder: plan.headers });
    await cache.writeReady(plan.dir, libraries, variant);
    const ready = await cache.readInstall(plan.dir, variant);
    if (ready === null) throw failedError('TENSORFLOW_MISSING', plan.dir, 'changed while it was made', '', 'repeat');
    say('ready');
    return ready;
  };
  return withLock(plan.dir, work, {
    onWait: () => {
      say('wait for another process');
    },
    ...(context.signal === undefined ? {} : { signal: context.signal }),
  });
}

/** What killed processes left: nothing with this ending is anyone's while the lock is held. */
async function sweep(dir: string): Promise<void> {
  for (const name of await readdir(dir, { recursive: true })) {
    if (/\.tmp(\.node)?$/.test(name)) await rm(join(dir, name), { recursive: true, force: true });
  }
}

async function borrow(dir: string, folder: string): Promise<LibrariesFile> {
  await borrowLibraries(dir, folder);
  return record(dir, 'GRAFT_TENSORFLOW_DIR');
}

async function unpackInto(
  dir: string,
  pin: WheelPin | ArchivePin,
  pip: Pip | null,
  context: Context,
  signal: AbortSignal,
): Promise<LibrariesFile> {
  const { onProgress } = context;
  // The package, its unpacked libraries (0.85 GB) and the temporary copy of pip.
  await requireFreeBytes(dir, 1.5 * 1024 ** 3);
  const isWheel = 'requirement' in pin;
  const path = await fetchPackage(dir, pin, pip, context, signal);
  const unpacked = temporaryBeside(join(dir, 'unpacked'));
  onProgress?.({ item: 'tensorflow', step: 'unpack' });
  const onBytes = (doneBytes: number, totalBytes: number): void =>
    onProgress?.({ item: 'tensorflow', step: 'unpack', doneBytes, totalBytes });
  try {
    if (isWheel) await unpackZip(path, unpacked, wheelPlacement, { onProgress: onBytes, signal });
    else await unpackTar(path, unpacked, archivePlacement);
    if ((await findLibraries(join(unpacked, LIBRARY_FOLDER))) === null) throw memberMissing(path, 'libtensorflow');
    for (const part of ['deps', 'include']) {
      await rm(join(dir, part), { recursive: true, force: true });
      await rename(join(unpacked, part), join(dir, part));
    }
    await linkLibraries(dir);
  } catch (error) {
    throw fileProblem(error, dir);
  } finally {
    await rm(unpacked, { recursive: true, force: true });
  }
  onProgress?.({ item: 'tensorflow', step: 'verify' });
  const libraries = await record(dir, isWheel ? 'wheel' : 'archive', signal);
  await rm(join(dir, 'package'), { recursive: true, force: true });
  return libraries;
}

/** The wheel or the archive in `<dir>/package`: what is there already is taken if its hash is right. */
async function fetchPackage(
  dir: string,
  pin: WheelPin | ArchivePin,
  pip: Pip | null,
  { settings, onProgress }: Context,
  signal: AbortSignal,
): Promise<string> {
  const folder = join(dir, 'package');
  const path = join(folder, 'requirement' in pin ? pin.fileName : basename(pin.url));
  if ((await sizeOf(path)) !== null && (await sha256OfFile(path, signal)) === pin.sha256) return path;
  const onBytes = (doneBytes: number, totalBytes: number | null): void =>
    onProgress?.({ item: 'tensorflow', step: 'download', doneBytes, ...(totalBytes === null ? {} : { totalBytes }) });
  onProgress?.({ item: 'tensorflow', step: 'download' });
  if (!('requirement' in pin)) {
    await download(pin.url, path, pin.sha256, { proxies: settings.proxies, onProgress: onBytes, signal });
    return path;
  }
  if (pip === null) throw pipMissing();
  return pipDownload(pip, pin, folder, { settings, onProgress: onBytes, signal });
}

async function record(dir: string, source: LibrariesFile['source'], signal?: AbortSignal): Promise<LibrariesFile> {
  const found = await findLibraries(join(dir, LIBRARY_FOLDER));
  if (found === null) throw memberMissing(dir, 'libtensorflow');
  const paths = [found.core, found.framework].map((name) => join(LIBRARY_FOLDER, name));
  const hashed = source !== 'GRAFT_TENSORFLOW_DIR';
  const files = await Promise.all(paths.map((path) => cache.recordOf(dir, path, hashed, signal)));
  const libraries: LibrariesFile = { version: 1, source, files };
  await cache.writeLibraries(dir, libraries);
  return libraries;
}
