import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { extensionOf, isContainedPath, isHiddenName, isItemName, isPictureName } from '../../core/dataset/names.ts';
import { inputError } from '../../core/errors.ts';
import type { DatasetSource, SourceEntry } from '../ports/dataset-source.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { badName, layoutProblem } from './class-folders.ts';

/** `s3://bucket/some/prefix` in its parts; null for anything else. */
export function parseS3Url(source: string): { bucket: string; prefix: string } | null {
  const match = /^s3:\/\/([^/]+)(?:\/(.*))?$/.exec(source);
  if (!match) return null;
  return { bucket: match[1] ?? '', prefix: (match[2] ?? '').replace(/\/+$/, '') };
}

/**
 * An image folder in an object store: the first name behind the prefix is the class. Keys come in the store's order,
 * which is that of the paths, so nothing is held in memory but the names of the classes.
 */
export function s3Source(store: ObjectStore, prefix: string): DatasetSource {
  const below = prefix === '' ? '' : `${prefix}/`;
  const where = `s3://${store.bucket}/${prefix}`;
  return {
    format: 'folder',
    task: 'classification',
    where,
    list: (signal) => listKeys(store, below, where, signal),
    async fetch(entry, scratchDir, signal) {
      const name = createHash('sha256').update(entry.path).digest('hex').slice(0, 32);
      const extension = extensionOf(entry.path);
      const path = join(scratchDir, /^[a-z0-9]{1,8}$/.test(extension) ? `${name}.${extension}` : name);
      await store.getFile(`${below}${entry.path}`, path, signal ? { signal } : {});
      return path;
    },
  };
}

async function* listKeys(
  store: ObjectStore,
  below: string,
  where: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<SourceEntry> {
  const folders = new Set<string>();
  const nested = new Set<string>();
  const pictures: string[] = [];
  let keys = 0;
  for await (const { key, sizeBytes, etag } of store.list(below, signal ? { signal } : {})) {
    keys++;
    const path = key.slice(below.length);
    const segments = path.split('/');
    const [label = ''] = segments;
    const name = segments.at(-1) ?? '';
    // A key that ends with a slash is how some tools mark a folder.
    if (name === '' || segments.some(isHiddenName)) continue;
    if (path.normalize('NFC') !== path) {
      throw badName(`s3://${store.bucket}/${key}`, 'letters and accents apart (NFD)', 'upload it under its NFC name');
    }
    if (!isContainedPath(path)) throw badName(`s3://${store.bucket}/${key}`, 'an odd key');
    if (segments.length === 1) {
      if (isPictureName(name)) pictures.push(name);
      continue;
    }
    folders.add(label);
    if (segments.length > 2) nested.add(label);
    if (isItemName(name)) yield { path, label, sizeBytes, tag: etag };
  }
  if (keys === 0) {
    throw inputError(
      'DATASET_MISSING',
      where,
      'no objects below this prefix',
      'a prefix with class folders',
      'check it',
    );
  }
  const layout = { folders: [...folders], pictures, nested: [...nested] };
  const wrong = layoutProblem(layout, where, (folder) => `${where.replace(/\/$/, '')}/${folder}`);
  if (wrong !== null) throw wrong;
}
