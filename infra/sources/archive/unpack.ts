import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, open, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import * as tar from 'tar';
import * as yauzl from 'yauzl';
import { GraftError, errnoOf, inputError, messageOf, transientError } from '../../../core/errors.ts';
import { MemberGuard } from './member-guard.ts';
import { crc32Check } from './crc32-check.ts';

export type ArchiveKind = 'zip' | 'tar' | 'tar.gz';

/** What the first bytes say; null where it is no archive that is opened here. */
export async function archiveKindOf(path: string): Promise<ArchiveKind | null> {
  const file = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(512), 0, 512, 0);
    const head = buffer.subarray(0, bytesRead);
    if (/^PK(?:\x03\x04|\x05\x06)/.test(head.toString('latin1', 0, 4))) return 'zip';
    if (head[0] === 0x1f && head[1] === 0x8b) return 'tar.gz';
    return head.toString('latin1', 257, 262) === 'ustar' ? 'tar' : null;
  } finally {
    await file.close();
  }
}

/**
 * Unpacks an archive that nobody vouches for into `target`, a folder of its own: regular files only, below it, each name
 * once, at most a hundred times the archive's size. Archives inside stay closed. Throws ARCHIVE_PATH, ARCHIVE_LINK,
 * ARCHIVE_DUPLICATE, ARCHIVE_RATIO, ARCHIVE_SIZE and ARCHIVE_CORRUPT (input; parts may lie in `target`), DISK_FULL (transient).
 */
export async function unpackArchive(
  path: string,
  kind: ArchiveKind,
  target: string,
  signal?: AbortSignal,
): Promise<void> {
  const guard = new MemberGuard(path, (await stat(path)).size);
  const folder = new TargetFolder(target, guard, signal);
  try {
    if (kind === 'zip') await unpackZip(path, folder, guard);
    else await unpackTar(path, kind === 'tar.gz', folder, guard);
  } catch (error) {
    signal?.throwIfAborted();
    throw archiveProblem(error, guard, target);
  }
}

function archiveProblem(error: unknown, guard: MemberGuard, target: string): unknown {
  if (error instanceof GraftError) return error;
  const errno = errnoOf(error) ?? '';
  if (/^(?:ENOSPC|EDQUOT)$/.test(errno)) {
    return transientError('DISK_FULL', target, errno, 'room for the unpacked archive', 'free some', error);
  }
  if (/^(?:EACCES|EPERM|EROFS)$/.test(errno)) {
    return inputError('PERMISSION', target, errno, 'a folder that can be written to', 'change its owner or mode');
  }
  // yauzl's own words for names that lead elsewhere.
  if (/^(?:absolute path|invalid relative path|invalid characters in fileName)/.test(messageOf(error))) {
    return guardedPath(guard, messageOf(error));
  }
  if (/^E(?:EXIST|ISDIR|NOTDIR)$/.test(errno)) return guard.corrupt('a name that is both a file and a folder');
  return guard.corrupt(messageOf(error));
}

function guardedPath(guard: MemberGuard, said: string): unknown {
  try {
    guard.place(`/${said.replace(/^[^:]*:\s*/, '')}`);
  } catch (error) {
    return error;
  }
  return guard.corrupt(said);
}

/** Where members are written, one at a time. */
class TargetFolder {
  private readonly target: string;
  private readonly guard: MemberGuard;
  private readonly signal: AbortSignal | undefined;
  private readonly made = new Set<string>();

  constructor(target: string, guard: MemberGuard, signal: AbortSignal | undefined) {
    this.target = target;
    this.guard = guard;
    this.signal = signal;
  }

  async write(relative: string, body: AsyncIterable<unknown>, stop?: AbortSignal): Promise<void> {
    this.signal?.throwIfAborted();
    const path = join(this.target, relative);
    const parent = dirname(path);
    if (!this.made.has(parent)) {
      await mkdir(parent, { recursive: true });
      this.made.add(parent);
    }
    const { guard } = this;
    const counted = async function* (): AsyncGenerator<Uint8Array> {
      for await (const chunk of body) {
        if (!(chunk instanceof Uint8Array)) throw new Error('an archive of something other than bytes');
        guard.unpacked(chunk.length);
        yield chunk;
      }
    };
    // Never over something: two members of one name were refused, and the folder is new.
    await pipeline(
      Readable.from(counted(), { objectMode: false }),
      createWriteStream(path, { flags: 'wx' }),
      stop ? { signal: stop } : {},
    );
  }
}

/** Unix's file types in the upper half of a zip's external attributes. */
const FILE_TYPE = 0o170000;
const TYPES: Readonly<Record<number, string>> = {
  0o120000: 'link',
  0o020000: 'device',
  0o060000: 'device',
  0o010000: 'pipe',
  0o140000: 'socket',
};

async function unpackZip(path: string, folder: TargetFolder, guard: MemberGuard): Promise<void> {
  const zip = await yauzl.openPromise(path, { autoClose: false, strictFileNames: true, validateEntrySizes: true });
  try {
    for await (const entry of zip.eachEntry()) {
      const { fileName, externalFileAttributes, crc32 } = entry;
      const type = TYPES[(externalFileAttributes >>> 16) & FILE_TYPE];
      if (type !== undefined) throw guard.link(fileName, type);
      if (fileName.endsWith('/')) {
        guard.contained(fileName.slice(0, -1));
        continue;
      }
      if (entry.isEncrypted()) throw guard.corrupt(`${fileName} is encrypted`);
      const to = guard.place(fileName);
      if (to === null) continue;
      const body = await zip.openReadStreamPromise(entry);
      // yauzl tells of bad bytes by an event alone, maybe before or after anybody listens: the stream keeps it for its reader.
      body.on('error', (error) => body.destroy(error));
      await folder.write(to, crc32Check(body, crc32, fileName));
    }
  } finally {
    zip.close();
  }
}

const FILES = new Set(['File', 'OldFile', 'ContiguousFile']);

async function unpackTar(path: string, packed: boolean, folder: TargetFolder, guard: MemberGuard): Promise<void> {
  const stop = new AbortController();
  let failure: unknown = null;
  let written: Promise<void> = Promise.resolve();
  const parser = new tar.Parser({
    strict: true,
    onReadEntry: (entry) => {
      written = written
        .then(() => saveMember(entry))
        .catch((error: unknown) => {
          failure ??= error;
          entry.resume();
        });
    },
  });
  const saveMember = async (entry: tar.ReadEntry): Promise<void> => {
    if (failure !== null || entry.type === 'Directory') {
      const name = entry.path.replace(/\/+$/, '');
      if (failure === null && name !== '.') guard.contained(name);
      entry.resume();
      return;
    }
    if (!FILES.has(entry.type)) throw guard.link(entry.path, entry.type);
    const to = guard.place(entry.path);
    if (to === null) entry.resume();
    else await folder.write(to, entry, stop.signal);
  };
  parser.on('error', (error: unknown) => (failure ??= error));
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      if (failure !== null) done(asError(failure));
      else if (parser.write(chunk)) done();
      else parser.once('drain', () => done());
    },
    final(done) {
      parser.end();
      done();
    },
  });
  const source = createReadStream(path);
  try {
    await (packed ? pipeline(source, createGunzip(), sink) : pipeline(source, sink));
  } catch (error) {
    // The member under way will never end; nothing is to be written any more once this is thrown.
    stop.abort();
    await written;
    throw failure ?? error;
  }
  await written;
  if (failure !== null) throw failure;
}

const asError = (error: unknown): Error => (error instanceof Error ? error : new Error(messageOf(error)));
