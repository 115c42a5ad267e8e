import { opendir, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isContainedPath, isHiddenName, isItemName, isPictureName } from '../../core/dataset/names.ts';
import { compareText } from '../../core/dataset/order.ts';
import { errnoOf, inputError, transientError } from '../../core/errors.ts';
import type { DatasetSource, SourceEntry } from '../ports/dataset-source.ts';
import { badName, emptyClass, layoutProblem } from './class-folders.ts';
import { sourceFileProblem } from './faults.ts';

/** An entry whose file has another name on disk than in Unicode form NFC. */
interface RawEntry extends SourceEntry {
  readonly rawPath?: string;
}

/** Files looked at together. */
const STATS_AT_ONCE = 64;

/**
 * An image folder: each first-level folder is a class, and all that lies below it at any depth belongs to it. Links are
 * followed. Memory holds the names of one folder at a time. Hidden files and sidecars (core/dataset/names.ts) are no
 * items; everything else is listed, and judged when it is read.
 */
export function folderSource(root: string): DatasetSource {
  return {
    format: 'folder',
    task: 'classification',
    where: root,
    list: (signal) => listClasses(root, signal),
    fetch: (entry) => localPath(root, entry),
  };
}

/** The file itself; nothing is copied. */
export async function localPath(root: string, entry: RawEntry): Promise<string> {
  const raw = entry.rawPath ?? entry.path;
  if (!isContainedPath(raw)) throw badName(root, `path ${JSON.stringify(raw)}`);
  const path = join(root, raw);
  try {
    await stat(path);
    return path;
  } catch (error) {
    throw transientError('DATASET_CHANGED', path, errnoOf(error) ?? 'unreadable', 'the file that was listed', 'repeat');
  }
}

interface Name {
  readonly raw: string;
  readonly nfc: string;
  readonly folder: boolean;
}

interface Folder {
  readonly absolute: string;
  /** Relative to the source, with a slash at its end: as on disk, and in NFC. */
  readonly raw: string;
  readonly nfc: string;
  /** Real paths of the folders around it, so that a link back ends in an error and not in a circle. */
  readonly around: readonly string[];
}

async function* listClasses(root: string, signal: AbortSignal | undefined): AsyncGenerator<SourceEntry> {
  const top = await namesOf(root);
  const folders = top.filter(({ folder }) => folder);
  const nested: string[] = [];
  for (const { raw, nfc } of folders.slice(0, 8)) {
    if ((await namesOf(join(root, raw))).some(({ folder }) => folder)) nested.push(nfc);
  }
  const pictures = top.filter(({ folder, nfc }) => !folder && isPictureName(nfc)).map(({ nfc }) => nfc);
  const layout = { folders: folders.map(({ nfc }) => nfc), pictures, nested };
  const wrong = layoutProblem(layout, root, (folder) => join(root, folder));
  if (wrong !== null) throw wrong;
  const around = [await realpath(root)];
  for (const { raw, nfc } of folders) {
    let items = 0;
    for await (const entry of walk(
      { absolute: join(root, raw), raw: `${raw}/`, nfc: `${nfc}/`, around },
      nfc,
      signal,
    )) {
      items++;
      yield entry;
    }
    if (items === 0) throw emptyClass(root, nfc);
  }
}

async function* walk(folder: Folder, label: string, signal: AbortSignal | undefined): AsyncGenerator<SourceEntry> {
  const real = await realpath(folder.absolute);
  if (folder.around.includes(real)) {
    throw inputError('DATASET_LOOP', folder.absolute, 'a link to a folder around it', 'a tree', 'remove the link');
  }
  const around = [...folder.around, real];
  const names = await namesOf(folder.absolute);
  for (let start = 0; start < names.length; start += STATS_AT_ONCE) {
    signal?.throwIfAborted();
    const slice = names.slice(start, start + STATS_AT_ONCE);
    const entries = await Promise.all(slice.map((name) => entryOf(folder, name, label)));
    for (const [i, name] of slice.entries()) {
      const entry = entries[i];
      if (entry) yield entry;
      if (!name.folder) continue;
      const absolute = join(folder.absolute, name.raw);
      yield* walk(
        { absolute, raw: `${folder.raw}${name.raw}/`, nfc: `${folder.nfc}${name.nfc}/`, around },
        label,
        signal,
      );
    }
  }
}

/** Null for what is no item, no regular file, or gone since the folder was read. */
async function entryOf(folder: Folder, { raw, nfc, folder: inner }: Name, label: string): Promise<RawEntry | null> {
  if (inner || !isItemName(nfc)) return null;
  try {
    const found = await stat(join(folder.absolute, raw));
    if (!found.isFile()) return null;
    const path = `${folder.nfc}${nfc}`;
    const rawPath = `${folder.raw}${raw}`;
    const entry = { path, label, sizeBytes: found.size, tag: tagOf(found) };
    return rawPath === path ? entry : { ...entry, rawPath };
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null;
    throw sourceFileProblem(error, join(folder.absolute, raw));
  }
}

export const tagOf = ({ size, mtimeMs }: { size: number; mtimeMs: number }): string => `${size}-${mtimeMs}`;

/** Names in a folder without the hidden ones, in the order of the paths below them. */
async function namesOf(absolute: string): Promise<Name[]> {
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
