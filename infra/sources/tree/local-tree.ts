import { createReadStream } from 'node:fs';
import { opendir, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isContainedPath, isHiddenName } from '../../../core/dataset/names.ts';
import { compareText } from '../../../core/dataset/order.ts';
import { errnoOf, inputError, transientError } from '../../../core/errors.ts';
import { badName } from '../class-folders.ts';
import { sourceFileProblem } from '../faults.ts';
import type { FileTree, TreeFile } from './file-tree.ts';

/** Files looked at together. */
const STATS_AT_ONCE = 64;

/** A folder on the disk. Links are followed; memory holds the names of one folder at a time. */
export function localTree(root: string): FileTree {
  return {
    where: root,
    onDisk: true,
    walk: (signal) => walkTop(root, signal),
    async open(file) {
      return createReadStream(await localPath(root, file));
    },
    fetch: (file) => localPath(root, file),
    placeOf: (file) => localPlace(root, file),
  };
}

async function* walkTop(root: string, signal: AbortSignal | undefined): AsyncGenerator<TreeFile> {
  yield* walkFolder({ absolute: root, raw: '', nfc: '', around: [] }, () => true, signal);
}

/** The file itself; nothing is copied. */
export async function localPath(root: string, entry: { path: string; rawPath?: string }): Promise<string> {
  const path = localPlace(root, entry);
  try {
    await stat(path);
    return path;
  } catch (error) {
    throw transientError('DATASET_CHANGED', path, errnoOf(error) ?? 'unreadable', 'the file that was listed', 'repeat');
  }
}

/** Where the file lies, if it still does. */
export function localPlace(root: string, { path, rawPath }: { path: string; rawPath?: string }): string {
  const raw = rawPath ?? path;
  if (!isContainedPath(raw)) throw badName(root, `path ${JSON.stringify(raw)}`);
  return join(root, raw);
}

export interface Name {
  readonly raw: string;
  readonly nfc: string;
  readonly folder: boolean;
}

export interface Folder {
  readonly absolute: string;
  /** Relative to the source, with a slash at its end: as on disk, and in NFC. Empty at the top. */
  readonly raw: string;
  readonly nfc: string;
  /** Real paths of the folders around it, so that a link back ends in an error and not in a circle. */
  readonly around: readonly string[];
}

/** Files at any depth whose name `accepts`, in order of their paths. */
export async function* walkFolder(
  folder: Folder,
  accepts: (name: string) => boolean,
  signal: AbortSignal | undefined,
): AsyncGenerator<TreeFile> {
  const real = await realpath(folder.absolute);
  if (folder.around.includes(real)) {
    throw inputError('DATASET_LOOP', folder.absolute, 'a link to a folder around it', 'a tree', 'remove the link');
  }
  const around = [...folder.around, real];
  const names = await namesOf(folder.absolute);
  for (let start = 0; start < names.length; start += STATS_AT_ONCE) {
    signal?.throwIfAborted();
    const slice = names.slice(start, start + STATS_AT_ONCE);
    const files = await Promise.all(
      slice.map((name) => (accepts(name.nfc) ? fileOf(folder, name) : Promise.resolve(null))),
    );
    for (const [i, name] of slice.entries()) {
      const file = files[i];
      if (file) yield file;
      if (!name.folder) continue;
      const absolute = join(folder.absolute, name.raw);
      const inner = { absolute, raw: `${folder.raw}${name.raw}/`, nfc: `${folder.nfc}${name.nfc}/`, around };
      yield* walkFolder(inner, accepts, signal);
    }
  }
}

/** Null for what is no regular file, or gone since the folder was read. */
async function fileOf(folder: Folder, { raw, nfc, folder: inner }: Name): Promise<TreeFile | null> {
  if (inner) return null;
  try {
    const found = await stat(join(folder.absolute, raw));
    if (!found.isFile()) return null;
    const path = `${folder.nfc}${nfc}`;
    const rawPath = `${folder.raw}${raw}`;
    const file = { path, sizeBytes: found.size, tag: tagOf(found) };
    return rawPath === path ? file : { ...file, rawPath };
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null;
    throw sourceFileProblem(error, join(folder.absolute, raw));
  }
}

export const tagOf = ({ size, mtimeMs }: { size: number; mtimeMs: number }): string => `${size}-${mtimeMs}`;

/** Names in a folder without the hidden ones, in the order of the paths below them. */
export async function namesOf(absolute: string): Promise<Name[]> {
  const names: Name[] = [];
  try {
    for await (const found of await opendir(absolute, { bufferSize: 1024 })) {
      if (isHiddenName(found.name)) continue;
      if (/[\ufffd\\\p{Cc}]/u.test(found.name)) {
        throw badName(absolute, `the name ${JSON.stringify(found.name)}`);
      }
      const plain = found.isFile() || found.isDirectory();
      const folder = plain ? found.isDirectory() : await isFolder(join(absolute, found.name));
      names.push({ raw: found.name, nfc: found.name.normalize('NFC'), folder });
    }
  } catch (error) {
    throw sourceFileProblem(error, absolute);
  }
  names.sort((a, b) => compareText(sortKey(a), sortKey(b)));
  for (let i = 1; i < names.length; i++) {
    if (names[i]?.nfc === names[i - 1]?.nfc) {
      throw badName(absolute, `two names that look alike: ${JSON.stringify(names[i]?.nfc)}`, 'rename one of them');
    }
  }
  return names;
}

const sortKey = ({ nfc, folder }: Name): string => (folder ? `${nfc}/` : nfc);

async function isFolder(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => null);
  return found?.isDirectory() ?? false;
}
