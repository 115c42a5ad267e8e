import { join } from 'node:path';
import type { BlobRef } from '../../contracts/manifests.ts';
import { DatasetItem, DatasetManifest } from '../../contracts/manifests.ts';
import { inputError, transientError } from '../../core/errors.ts';
import { extensionOf } from '../../core/dataset/names.ts';
import type { DatasetSource, SourceEntry } from '../../infra/ports/dataset-source.ts';
import type { ObjectStore } from '../../infra/ports/object-store.ts';
import { withStore } from './services.ts';

const STORED = /^([a-z0-9][a-z0-9-]*)@([0-9a-f]{4,64})$/;

/** `pets@3f2a91`: a version that an import or a run has read; null where the text names none. */
export function storedVersion(text: string): { readonly name: string; readonly version: string } | null {
  const [, name, version] = STORED.exec(text) ?? [];
  return name === undefined || version === undefined ? null : { name, version };
}

/** The items of a stored version. DATASET_VERSION (input) where no version, or more than one, begins so. */
export async function storedItems(name: string, version: string): Promise<DatasetItem[]> {
  return withStore(async (store) => itemsOf(store, await manifestOf(store, name, version)));
}

/** A stored version as a source: its pictures are fetched by their hashes, with the annotations that they were read with. */
export async function storedSource(store: ObjectStore, name: string, version: string): Promise<DatasetSource> {
  const manifest = await manifestOf(store, name, version);
  const items = await itemsOf(store, manifest);
  const task = manifest.task ?? 'classification';
  return {
    ...{ format: manifest.format, task, where: `${name}@${manifest.version.slice(0, 12)}` },
    async *list() {
      await Promise.resolve();
      yield* items.map(entryOf);
    },
    async fetch({ tag }, scratchDir, signal) {
      const item = items[Number(tag.split(' ')[0])];
      if (item === undefined) throw new Error(`no item ${tag}`);
      const { sha256, path } = item;
      const extension = extensionOf(path);
      const to = join(scratchDir, extension === '' ? sha256 : `${sha256}.${extension}`);
      await store.getFile(`blobs/sha256/${sha256.slice(0, 2)}/${sha256}`, to, {
        sha256,
        ...(signal === undefined ? {} : { signal }),
      });
      return to;
    },
  };
}

function entryOf(item: DatasetItem, row: number): SourceEntry {
  const { path, label, sizeBytes, sha256, width, height, boxes, labels, negatives, attributes, side, group } = item;
  const known = { boxes, labels, negatives, attributes, side, group };
  return {
    ...{ path, label, sizeBytes, tag: `${row} ${sha256}` },
    annotations: { unit: 'pixels', size: { width, height }, ...known },
  };
}

async function manifestOf(store: ObjectStore, name: string, version: string): Promise<DatasetManifest> {
  const keys: string[] = [];
  for await (const { key } of store.list(`datasets/${name}/${version}`)) {
    if (/\/[0-9a-f]{64}\/manifest\.json$/.test(key)) keys.push(key);
  }
  const [key] = keys;
  if (key === undefined || keys.length > 1) {
    const seen = `${keys.length} versions begin so`;
    const remedy = 'graft data import says which it read, graft runs show RUN which a run read';
    throw inputError('DATASET_VERSION', `${name}@${version}`, seen, 'one', remedy);
  }
  return DatasetManifest.parse(JSON.parse(await storedText(store, { key })));
}

async function itemsOf(store: ObjectStore, { partitions }: DatasetManifest): Promise<DatasetItem[]> {
  const items: DatasetItem[] = [];
  for (const part of partitions) {
    const lines = (await storedText(store, part)).split('\n');
    for (const line of lines) if (line !== '') items.push(DatasetItem.parse(JSON.parse(line)));
  }
  return items;
}

/** The text of an object, verified where its hash is known. */
export async function storedText(
  store: ObjectStore,
  { key, sha256 }: Pick<BlobRef, 'key'> & Partial<BlobRef>,
): Promise<string> {
  const found = await store.get(key, sha256 === undefined ? {} : { sha256 });
  if (found) return new TextDecoder().decode(found.body);
  const remedy = 'read it again: graft data import';
  throw transientError('STORE_NOT_FOUND', `${store.bucket}/${key}`, 'no such object', 'a part of a data set', remedy);
}
