import { isPictureName } from '../../../core/dataset/names.ts';
import type { FileTree, TreeFile } from './file-tree.ts';

/** What lies in a tree, in a few words: enough to tell one tool's layout from another's. */
export interface Outline {
  readonly files: number;
  /** Pictures in each folder ('' for the top), in order of the folders. */
  readonly pictures: ReadonlyMap<string, number>;
  /** All files that are no pictures by their name, in order of their paths. */
  readonly others: readonly TreeFile[];
}

/** One walk through a tree. Memory grows with its folders and with the files that are no pictures. */
export async function outlineOf(tree: FileTree, signal?: AbortSignal): Promise<Outline> {
  const pictures = new Map<string, number>();
  const others: TreeFile[] = [];
  let files = 0;
  for await (const file of tree.walk(signal)) {
    files++;
    if (!isPictureName(nameOf(file.path))) others.push(file);
    else pictures.set(folderOf(file.path), (pictures.get(folderOf(file.path)) ?? 0) + 1);
  }
  return { files, pictures, others };
}

/** `a/b` of `a/b/c.jpg`; empty at the top. */
export const folderOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf('/')));

export const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

/** `c` of `a/b/c.jpg`. */
export function stemOf(path: string): string {
  const name = nameOf(path);
  const dot = name.lastIndexOf('.');
  return dot > 0 ? name.slice(0, dot) : name;
}

/** `a/b` and `c` to `a/b/c`; either may be empty. */
export const joinPath = (folder: string, name: string): string =>
  folder === '' || name === '' ? `${folder}${name}` : `${folder}/${name}`;
