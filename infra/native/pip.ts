import { readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { inputError, transientError } from '../../core/errors.ts';
import type { Settings } from '../config.ts';
import { makeFolder, sha256OfFile, sizeOf, temporaryBeside } from './files.ts';
import type { WheelPin } from './pins.ts';
import { findOnPath, lastWords, pathVariable, runTool } from './tools.ts';

/** A Python whose pip answers. */
export interface Pip {
  readonly python: string;
  /** `3.12`, of the Python. */
  readonly pythonVersion: string;
}

const PYTHONS = ['python3', 'python', 'python3.13', 'python3.12', 'python3.11', 'python3.10'];

/** The first Python on PATH whose pip answers, or null. */
export async function findPip(settings: Pick<Settings, 'searchPath'>): Promise<Pip | null> {
  for (const name of PYTHONS) {
    const python = await findOnPath(name, settings);
    if (python === null) continue;
    const answer = await runTool(python, ['-m', 'pip', '--version'], {
      env: { PATH: pathVariable(settings) },
      timeoutMs: 30_000,
    });
    const version = /\(python (\d+\.\d+)/.exec(answer.stdout)?.[1];
    if (answer.exitCode === 0 && version !== undefined) return { python, pythonVersion: version };
  }
  return null;
}

export function pipMissing(): Error {
  return inputError(
    'PIP_MISSING',
    'python3 -m pip',
    'no Python with pip on PATH',
    'any Python 3 with pip',
    'apt install python3-pip, dnf install python3-pip, or brew install python',
  );
}

interface PipDownloadOptions {
  readonly settings: Pick<Settings, 'searchPath'>;
  readonly onProgress?: (doneBytes: number, totalBytes: number | null) => void;
  readonly signal?: AbortSignal;
}

/**
 * Fetches one pinned wheel into `folder` through pip, by package name, from wherever this machine's pip is set to look,
 * and checks its SHA-256. The wheel may be for another Python than pip's own. Resolves to its path.
 *
 * Throws PIP_DOWNLOAD and DOWNLOAD_CORRUPT (transient).
 */
export async function pipDownload(
  pip: Pip,
  pin: WheelPin,
  folder: string,
  options: PipDownloadOptions,
): Promise<string> {
  const path = join(folder, pin.fileName);
  if ((await sizeOf(path)) !== null && (await sha256OfFile(path, options.signal)) === pin.sha256) return path;
  // pip unpacks in TMPDIR first: beside the target, so that the last move is a rename and /tmp may be small.
  const work = temporaryBeside(path);
  await makeFolder(work);
  const watching = watchGrowth(work, options.onProgress);
  try {
    const result = await runTool(pip.python, pipArguments(pin, work), {
      env: { PATH: pathVariable(options.settings), TMPDIR: work, PIP_REQUIRE_VIRTUALENV: '0' },
      onLine: (line) => {
        watching.learnTotal(line);
      },
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
    const fetched = join(work, pin.fileName);
    if (result.exitCode !== 0 || (await sizeOf(fetched)) === null) {
      throw transientError(
        'PIP_DOWNLOAD',
        pin.requirement,
        lastWords(result) || 'pip left no wheel',
        pin.fileName,
        'check the network and the settings of pip (pip config list)',
      );
    }
    const seen = await sha256OfFile(fetched, options.signal);
    if (seen !== pin.sha256) {
      throw transientError('DOWNLOAD_CORRUPT', pin.fileName, `SHA-256 ${seen}`, `SHA-256 ${pin.sha256}`, 'repeat');
    }
    await rename(fetched, path);
    return path;
  } finally {
    watching.stop();
    await rm(work, { recursive: true, force: true });
  }
}

function pipArguments(pin: WheelPin, destination: string): string[] {
  const options = ['--no-deps', '--only-binary=:all:', '--no-input', '--disable-pip-version-check'];
  // Few retries: where there is no network, the next source should get its turn soon.
  options.push('--progress-bar=off', '--retries=2', `--python-version=${pin.python}`, `--platform=${pin.platformTag}`);
  return ['-m', 'pip', 'download', ...options, '--dest', destination, pin.requirement];
}

/** pip's own progress is for terminals: watch its temporary files grow instead. */
function watchGrowth(
  folder: string,
  onProgress: PipDownloadOptions['onProgress'],
): { learnTotal: (line: string) => void; stop: () => void } {
  let total: number | null = null;
  const timer = setInterval(() => {
    void largestFile(folder).then((bytes) => onProgress?.(bytes, total));
  }, 1_000);
  timer.unref();
  return {
    learnTotal: (line) => {
      const said = /^\s*Downloading .*\((\d+(?:\.\d+)?) (kB|MB|GB)\)/.exec(line);
      if (said === null) return;
      total = Number(said[1]) * (said[2] === 'kB' ? 1e3 : said[2] === 'MB' ? 1e6 : 1e9);
    },
    stop: () => {
      clearInterval(timer);
    },
  };
}

async function largestFile(folder: string): Promise<number> {
  let largest = 0;
  const names = await readdir(folder, { recursive: true }).catch(() => []);
  for (const name of names) {
    const info = await stat(join(folder, name)).catch(() => null);
    if (info?.isFile() === true) largest = Math.max(largest, info.size);
  }
  return largest;
}
