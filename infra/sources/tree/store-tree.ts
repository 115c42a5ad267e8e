import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { extensionOf, isContainedPath, isHiddenName } from '../../../core/dataset/names.ts';
import type { ObjectStore } from '../../ports/object-store.ts';
import { badName } from '../class-folders.ts';
import type { FileTree, TreeFile } from './file-tree.ts';

/** Everything below a prefix (without a slash at its end) of an object store, in the store's order: that of the paths. */
export function storeTree(store: ObjectStore, prefix: string): FileTree {
  const below = prefix === '' ? '' : `${prefix}/`;
  return {
    where: `s3://${store.bucket}/${prefix}`,
    onDisk: false,
    walk: (signal) => walkKeys(store, below, signal),
    open: (file) => store.stream(`${below}${file.path}`),
    async fetch(file, scratchDir, signal) {
      const path = copyPath(file.path, scratchDir);
      await store.getFile(`${below}${file.path}`, path, signal ? { signal } : {});
      return path;
    },
  };
}

/** Where a copy of a file goes: a name of its own, with the extension that says what it promises to be. */
export function copyPath(path: string, scratchDir: string): string {
  const name = createHash('sha256').update(path).digest('hex').slice(0, 32);
  const extension = extensionOf(path);
  return join(scratchDir, /^[a-z0-9]{1,8}$/.test(extension) ? `${name}.${extension}` : name);
}

async function* walkKeys(store: ObjectStore, below: string, signal: AbortSignal | undefined): AsyncGenerator<TreeFile> {
  for await (const { key, sizeBytes, etag } of store.list(below, signal ? { signal } : {})) {
    const path = key.slice(below.length);
    const segments = path.split('/');
    // A key that ends with a slash is how some tools mark a folder.
    if (segments.at(-1) === '' || segments.some(isHiddenName)) continue;
    const where = `s3://${store.bucket}/${key}`;
    if (path.normalize('NFC') !== path) {
      throw badName(where, 'letters and accents apart (NFD)', 'upload it under its NFC name');
    }
    if (!isContainedPath(path)) throw badName(where, 'an odd key');
    yield { path, sizeBytes, tag: etag };
  }
}
