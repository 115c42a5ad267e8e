import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { isItemName, isPictureName } from '../../core/dataset/names.ts';
import type { DatasetSource, SourceEntry } from '../ports/dataset-source.ts';
import { emptyClass, layoutProblem } from './class-folders.ts';
import { localPath, localPlace, namesOf, walkFolder } from './tree/local-tree.ts';

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
    placeOf: (entry) => localPlace(root, entry),
  };
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
    const folder = { absolute: join(root, raw), raw: `${raw}/`, nfc: `${nfc}/`, around };
    for await (const file of walkFolder(folder, isItemName, signal)) {
      items++;
      yield Object.assign(file, { label: nfc });
    }
    if (items === 0) throw emptyClass(root, nfc);
  }
}
