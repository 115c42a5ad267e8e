import { isItemName, isPictureName } from '../../core/dataset/names.ts';
import { inputError } from '../../core/errors.ts';
import type { DatasetSource, SourceEntry } from '../ports/dataset-source.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { layoutProblem } from './class-folders.ts';
import type { FileTree } from './tree/file-tree.ts';
import { storeTree } from './tree/store-tree.ts';

/** `s3://bucket/some/prefix` in its parts; null for anything else. */
export function parseS3Url(source: string): { bucket: string; prefix: string } | null {
  const match = /^s3:\/\/([^/]+)(?:\/(.*))?$/.exec(source);
  if (!match) return null;
  return { bucket: match[1] ?? '', prefix: (match[2] ?? '').replace(/\/+$/, '') };
}

/**
 * An image folder in an object store: the first name behind the prefix is the class. Nothing is held in memory but the
 * names of the classes.
 */
export function s3Source(store: ObjectStore, prefix: string): DatasetSource {
  const tree = storeTree(store, prefix);
  return {
    format: 'folder',
    task: 'classification',
    where: tree.where,
    list: (signal) => listKeys(tree, signal),
    fetch: (entry, scratchDir, signal) => tree.fetch(entry, scratchDir, signal),
  };
}

async function* listKeys(tree: FileTree, signal: AbortSignal | undefined): AsyncGenerator<SourceEntry> {
  const { where } = tree;
  const folders = new Set<string>();
  const nested = new Set<string>();
  const pictures: string[] = [];
  let files = 0;
  for await (const file of tree.walk(signal)) {
    files++;
    const segments = file.path.split('/');
    const [label = ''] = segments;
    const name = segments.at(-1) ?? '';
    if (segments.length === 1) {
      if (isPictureName(name)) pictures.push(name);
      continue;
    }
    folders.add(label);
    if (segments.length > 2) nested.add(label);
    if (isItemName(name)) yield { ...file, label };
  }
  if (files === 0) {
    const expected = 'a prefix with class folders';
    throw inputError('DATASET_MISSING', where, 'no objects below this prefix', expected, 'check it');
  }
  const layout = { folders: [...folders], pictures, nested: [...nested] };
  const wrong = layoutProblem(layout, where, (folder) => `${where.replace(/\/$/, '')}/${folder}`);
  if (wrong !== null) throw wrong;
}
