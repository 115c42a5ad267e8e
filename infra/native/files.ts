import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, rename, rm, stat, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { GraftError, errnoOf, inputError, messageOf, transientError } from '../../core/errors.ts';
import { asSha256 } from '../../core/ids.ts';
import type { Sha256 } from '../../core/ids.ts';

/** Streams a file through SHA-256. Rejects with the errno of the read. */
export async function sha256OfFile(path: string, signal?: AbortSignal): Promise<Sha256> {
  const hash = createHash('sha256');
  const stream = createReadStream(path, { highWaterMark: 1 << 20, ...(signal === undefined ? {} : { signal }) });
  for await (const chunk of stream) hash.update(chunk);
  return asSha256(hash.digest('hex'));
}

/** Bytes of a regular file, or null when there is none. */
export async function sizeOf(path: string): Promise<number | null> {
  try {
    const info = await stat(path);
    return info.isFile() ? info.size : null;
  } catch {
    return null;
  }
}

/** A name beside `path` for something unfinished, unique to this call. */
export function temporaryBeside(path: string): string {
  return `${path}.${String(process.pid)}.${randomBytes(4).toString('hex')}.tmp`;
}

/** Whole content or the old one, whatever happens in between: temporary file, fsync, rename. `mode` as in chmod. */
export async function writeAtomically(path: string, content: string, mode = 0o644): Promise<void> {
  const temporary = temporaryBeside(path);
  try {
    await mkdir(dirname(path), { recursive: true });
    const file = await open(temporary, 'wx', mode);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw fileProblem(error, path);
  }
}

/** Makes a folder with its parents; a full disk or a closed folder is a clear error. */
export async function makeFolder(path: string, mode = 0o755): Promise<void> {
  try {
    await mkdir(path, { recursive: true, mode });
  } catch (error) {
    throw fileProblem(error, path);
  }
}

/**
 * A GraftError for what the file system says: DISK_FULL (transient), PERMISSION (input), FILE (transient) for the rest.
 * What has no errno (a GraftError, an abort, a bug) passes through as it is.
 */
export function fileProblem(error: unknown, where: string): unknown {
  const errno = errnoOf(error);
  if (error instanceof GraftError || errno === undefined || !/^E[A-Z]+$/.test(errno)) return error;
  if (errno === 'ENOSPC' || errno === 'EDQUOT') {
    return transientError('DISK_FULL', where, messageOf(error), undefined, 'free space on this disk and repeat', error);
  }
  if (errno === 'EACCES' || errno === 'EPERM' || errno === 'EROFS') {
    return inputError(
      'PERMISSION',
      where,
      messageOf(error),
      'a folder this user may write',
      'change its owner or mode',
    );
  }
  if (errno === 'ENOTDIR' || errno === 'EEXIST') {
    return inputError('PERMISSION', where, messageOf(error), 'a folder', 'move the file that is in the way');
  }
  return transientError('FILE', where, messageOf(error), undefined, 'repeat; look at the disk if it stays', error);
}

/** Bytes an unprivileged user may still write below `path` (the nearest existing parent counts). */
export async function freeBytes(path: string): Promise<number> {
  for (let folder = path; ; folder = dirname(folder)) {
    try {
      const info = await statfs(folder);
      return info.bavail * info.bsize;
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT' || dirname(folder) === folder) throw fileProblem(error, path);
    }
  }
}

/** Throws DISK_FULL before work starts that would fill the disk. */
export async function requireFreeBytes(path: string, neededBytes: number): Promise<void> {
  const free = await freeBytes(path);
  if (free >= neededBytes) return;
  const mebibytes = (bytes: number): string => `${String(Math.round(bytes / 1024 ** 2))} MiB`;
  throw transientError(
    'DISK_FULL',
    path,
    `${mebibytes(free)} free`,
    `at least ${mebibytes(neededBytes)}`,
    'free space, or point XDG_CACHE_HOME or GRAFT_STATE_DIR to another disk',
  );
}
