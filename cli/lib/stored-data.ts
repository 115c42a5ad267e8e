import { DatasetItem, DatasetManifest } from '../../contracts/manifests.ts';
import { inputError, transientError } from '../../core/errors.ts';
import type { ObjectStore } from '../../infra/ports/object-store.ts';
import { withStore } from './services.ts';

/** The items of a version that a run has read. DATASET_VERSION (input) where no version, or more than one, begins so. */
export async function storedItems(name: string, version: string): Promise<DatasetItem[]> {
  return withStore(async (store) => {
    const keys: string[] = [];
    for await (const { key } of store.list(`datasets/${name}/${version}`)) {
      if (/\/[0-9a-f]{64}\/manifest\.json$/.test(key)) keys.push(key);
    }
    const [key] = keys;
    if (key === undefined || keys.length > 1) {
      const seen = `${keys.length} versions begin so`;
      throw inputError(
        'DATASET_VERSION',
        `${name}@${version}`,
        seen,
        'one',
        'graft runs show RUN says which a run read',
      );
    }
    const manifest = DatasetManifest.parse(JSON.parse(await textOf(store, key)));
    const items: DatasetItem[] = [];
    for (const { key: part, sha256 } of manifest.partitions) {
      const lines = (await textOf(store, part, sha256)).split('\n');
      for (const line of lines) if (line !== '') items.push(DatasetItem.parse(JSON.parse(line)));
    }
    return items;
  });
}

async function textOf(
  store: ObjectStore,
  key: string,
  sha256?: DatasetManifest['partitions'][number]['sha256'],
): Promise<string> {
  const found = await store.get(key, sha256 === undefined ? {} : { sha256 });
  if (found) return new TextDecoder().decode(found.body);
  throw transientError(
    'STORE_NOT_FOUND',
    `${store.bucket}/${key}`,
    'no such object',
    'a part of a data set',
    'run again',
  );
}
