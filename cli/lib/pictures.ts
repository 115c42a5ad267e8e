import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isHiddenName, isItemName } from '../../core/dataset/names.ts';
import { errnoOf, inputError, messageOf } from '../../core/errors.ts';

/**
 * Files in the order given; a folder stands for what lies below it, sorted by name, without hidden files and notes.
 * Throws INPUT_MISSING and INPUT_EMPTY (input).
 */
export async function expandPaths(paths: readonly string[]): Promise<string[]> {
  const files: string[] = [];
  for (const path of paths) {
    const kind = await kindOf(path);
    if (kind === 'file') {
      files.push(path);
      continue;
    }
    const below = await filesBelow(path);
    if (below.length === 0) {
      throw inputError('INPUT_EMPTY', path, 'no pictures in this folder', 'image files', 'name another folder');
    }
    files.push(...below);
  }
  return files;
}

async function kindOf(path: string): Promise<'file' | 'folder'> {
  try {
    const info = await stat(path);
    if (info.isDirectory()) return 'folder';
    if (info.isFile()) return 'file';
    throw inputError('INPUT_MISSING', path, 'neither a file nor a folder', 'an image file or a folder');
  } catch (error) {
    const absent = errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR';
    if (!absent && errnoOf(error) === undefined) throw error;
    const seen = absent ? 'not there' : messageOf(error);
    throw inputError('INPUT_MISSING', path, seen, 'an image file or a folder', 'correct the path');
  }
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  const found: string[] = [];
  for (const entry of entries) {
    const path = join(folder, entry.name);
    if (entry.isDirectory() && !isHiddenName(entry.name)) found.push(...(await filesBelow(path)));
    else if (entry.isFile() && isItemName(entry.name)) found.push(path);
  }
  return found;
}
