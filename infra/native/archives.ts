import { createWriteStream } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import * as tar from 'tar';
import * as yauzl from 'yauzl';
import { inputError, messageOf, transientError } from '../../core/errors.ts';
import { fileProblem } from './files.ts';

/** Where a member of an archive goes, relative to the target; null leaves it out. */
export type Placement = (member: string) => string | null;

interface UnpackOptions {
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void;
  readonly signal?: AbortSignal;
}

/**
 * Unpacks some members of a zip (a Python wheel) into `target`; only what `placement` names is read. The archive's own
 * hash is the caller's to check. Throws ARCHIVE_CORRUPT, DISK_FULL (transient) and PERMISSION (input).
 */
export async function unpackZip(
  path: string,
  target: string,
  placement: Placement,
  options: UnpackOptions = {},
): Promise<readonly string[]> {
  const zip = await yauzl.openPromise(path, { autoClose: false }).catch((error: unknown) => {
    throw corrupt(path, messageOf(error));
  });
  try {
    const chosen: { entry: yauzl.Entry; to: string }[] = [];
    for await (const entry of zip.eachEntry()) {
      const to = entry.fileName.endsWith('/') ? null : placement(entry.fileName);
      if (to !== null) chosen.push({ entry, to });
    }
    const total = chosen.reduce((sum, { entry }) => sum + entry.uncompressedSize, 0);
    let done = 0;
    for (const { entry, to } of chosen) {
      const onBytes = (bytes: number): void => {
        done += bytes;
        options.onProgress?.(done, total);
      };
      await unpackEntry(zip, entry, join(target, to), onBytes, options.signal);
    }
    return chosen.map(({ to }) => to);
  } finally {
    zip.close();
  }
}

async function unpackEntry(
  zip: yauzl.ZipFile,
  entry: yauzl.Entry,
  to: string,
  onBytes: (bytes: number) => void,
  signal: AbortSignal | undefined,
): Promise<void> {
  const counted = async function* (body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of body) {
      onBytes(chunk.byteLength);
      yield chunk;
    }
  };
  try {
    await mkdir(dirname(to), { recursive: true });
    const body = await zip.openReadStreamPromise(entry);
    await pipeline(body, counted, createWriteStream(to), signal === undefined ? {} : { signal });
  } catch (error) {
    await rm(to, { force: true });
    throw fileProblem(error, to);
  }
}

/** Unpacks some regular files of a .tar.gz into `target`. Throws as `unpackZip` does. */
export async function unpackTar(path: string, target: string, placement: Placement): Promise<readonly string[]> {
  const moves: { from: string; to: string }[] = [];
  try {
    await mkdir(target, { recursive: true });
    await tar.extract({
      file: path,
      cwd: target,
      strict: true,
      filter: (member, entry) => {
        const from = member.replace(/^\.\//, '');
        const to = 'type' in entry && entry.type === 'File' ? placement(from) : null;
        if (to !== null) moves.push({ from, to });
        return to !== null;
      },
    });
    for (const { from, to } of moves) {
      if (from === to) continue;
      await mkdir(dirname(join(target, to)), { recursive: true });
      await rename(join(target, from), join(target, to));
    }
  } catch (error) {
    throw tarProblem(error, path);
  }
  return moves.map(({ to }) => to);
}

function tarProblem(error: unknown, path: string): unknown {
  const said = messageOf(error);
  return /^(TAR_|zlib|Z_)|invalid|unexpected end|checksum/i.test(said) ? corrupt(path, said) : fileProblem(error, path);
}

function corrupt(path: string, seen: string): Error {
  return transientError('ARCHIVE_CORRUPT', path, seen, 'a whole archive', 'remove the file and repeat');
}

/** A member that the archive was expected to have. */
export function memberMissing(path: string, member: string): Error {
  return inputError('ARCHIVE_MEMBER', path, `no ${member} inside`, undefined, 'report this version of the package');
}
