import { ExportRecord } from '../../contracts/export.ts';
import type { ExportManifest } from '../../contracts/export.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { readJson } from './read-json.ts';

const folder = (name: string, version: number): string => `models/${name}/exports/${version}/`;

/** Keeps what an export cost beside its version: the last of its format and precision. */
export async function recordExport(store: ObjectStore, manifest: ExportManifest): Promise<void> {
  const { name, version, format, precision, createdAt, graftVersion, check, files } = manifest;
  const record: ExportRecord = {
    ...{ kind: 'graft.export-record/1', version, format, precision, createdAt, graftVersion, check },
    sizeBytes: files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
  };
  const body = new TextEncoder().encode(JSON.stringify(record));
  await store.put(`${folder(name, version)}${format}-${precision}.json`, body, { contentType: 'application/json' });
}

/** The last export of each kind, by format and precision. */
export async function readExports(store: ObjectStore, name: string, version: number): Promise<ExportRecord[]> {
  const records: ExportRecord[] = [];
  for await (const { key } of store.list(folder(name, version))) {
    const record = await readJson(store, key, ExportRecord);
    if (record) records.push(record);
  }
  return records;
}
