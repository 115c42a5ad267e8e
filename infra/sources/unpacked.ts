import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { inputError } from '../../core/errors.ts';
import { archiveKindOf, unpackArchive } from './archive/unpack.ts';

/** What nobody opened for so long goes, and what a killed process left unfinished. */
const UNUSED_MS = 14 * 24 * 60 * 60 * 1000;
const ABANDONED_MS = 24 * 60 * 60 * 1000;

/** A folder of unpacked archives and downloads, each under a name that says what it was made of. */
export class UnpackedFolder {
  private readonly dir: string;
  private readonly nowMs: () => number;

  constructor(dir: string, nowMs: () => number = Date.now) {
    this.dir = dir;
    this.nowMs = nowMs;
  }

  /**
   * The folder made by `make` for this identity, now or earlier: it appears whole or not at all, and two at once do no
   * harm.
   */
  async folder(identity: readonly string[], make: (folder: string) => Promise<void>): Promise<string> {
    await mkdir(this.dir, { recursive: true });
    await this.sweep();
    const name = createHash('sha256').update(JSON.stringify(identity)).digest('hex').slice(0, 40);
    const path = join(this.dir, name);
    if (await this.touch(path)) return path;
    const partial = join(this.dir, `.partial-${randomUUID()}`);
    await mkdir(partial);
    try {
      await make(partial);
      await rename(partial, path);
    } catch (error) {
      await rm(partial, { recursive: true, force: true });
      if (await this.touch(path)) return path;
      throw error;
    }
    return path;
  }

  /** The members of an archive on the disk. DATASET_FORMAT where it is none. */
  async archive(path: string, identity: readonly string[], signal?: AbortSignal): Promise<string> {
    return this.folder(identity, (folder) => unpackInto(path, folder, signal));
  }

  /** A file that goes with what killed processes leave, if nobody removes it. */
  async temporaryFile(): Promise<string> {
    await mkdir(this.dir, { recursive: true });
    return join(this.dir, `.partial-${randomUUID()}.archive`);
  }

  private async touch(path: string): Promise<boolean> {
    const now = this.nowMs() / 1000;
    return utimes(path, now, now).then(
      () => true,
      () => false,
    );
  }

  private async sweep(): Promise<void> {
    for (const name of await readdir(this.dir)) {
      const path = join(this.dir, name);
      const found = await stat(path).catch(() => null);
      const limit = name.startsWith('.partial-') ? ABANDONED_MS : UNUSED_MS;
      if (found !== null && this.nowMs() - found.mtimeMs > limit) await rm(path, { recursive: true, force: true });
    }
  }
}

export async function unpackInto(path: string, folder: string, signal?: AbortSignal): Promise<void> {
  const kind = await archiveKindOf(path);
  if (kind !== null) return unpackArchive(path, kind, folder, signal);
  throw inputError('DATASET_FORMAT', path, 'no archive, by its first bytes', 'zip, tar or tar.gz', 'unpack it');
}
