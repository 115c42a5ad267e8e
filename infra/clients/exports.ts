import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tar from 'tar';
import { ExportRecord } from '../../contracts/export.ts';
import type { ExportFormat, ExportManifest, ExportPrecision } from '../../contracts/export.ts';
import type { BlobRef } from '../../contracts/manifests.ts';
import { inputError } from '../../core/errors.ts';
import { sha256OfFile } from '../native/files.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { readJson } from './read-json.ts';

const folder = (name: string, version: number): string => `models/${name}/exports/${version}/`;
/** Beside the records and not among them: an older graft takes everything there for one. */
const archives = (name: string, version: number): string => `models/${name}/archives/${version}/`;
const MAX_KEPT_BYTES = 4 * 2 ** 30;

export const kindOf = (format: ExportFormat, precision: ExportPrecision): string => `${format}-${precision}`;

/**
 * Keeps what an export cost beside its version, and its files from `dir` as one tar archive where that is given: the last of
 * its format and precision takes the place of the one before. EXPORT_SIZE (input) above 4 GiB.
 */
export async function recordExport(store: ObjectStore, manifest: ExportManifest, dir: string | null): Promise<void> {
  const { name, version, format, precision, createdAt, graftVersion, check, files } = manifest;
  const before = await readExport(store, name, version, format, precision);
  const archive = dir === null ? null : await keepArchive(store, manifest, dir);
  const record: ExportRecord = {
    ...{ kind: 'graft.export-record/1', version, format, precision, createdAt, graftVersion, check },
    sizeBytes: files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    ...(archive ? { archive } : {}),
  };
  const body = new TextEncoder().encode(JSON.stringify(record));
  // The record names the archive, so it is written after it, and what it no longer names goes after that.
  await store.put(recordKey(name, version, format, precision), body, { contentType: 'application/json' });
  if (before?.archive && before.archive.key !== archive?.key) await store.delete(before.archive.key);
}

async function keepArchive(store: ObjectStore, manifest: ExportManifest, dir: string): Promise<BlobRef> {
  const { name, version, format, precision, files, createdAt } = manifest;
  const kind = kindOf(format, precision);
  const sum = files.reduce((bytes, { sizeBytes }) => bytes + sizeBytes, 0);
  if (sum > MAX_KEPT_BYTES) {
    throw inputError('EXPORT_SIZE', `${name} version ${version}`, `${sum} bytes`, 'at most 4 GiB', 'use --no-keep');
  }
  const scratch = await mkdtemp(join(tmpdir(), 'graft-export-'));
  try {
    const file = join(scratch, 'export.tar');
    // Nothing of this machine goes in: no owner, and one time for all.
    const from = { file, cwd: dir, portable: true, mtime: new Date(createdAt), prefix: `${name}-${version}-${kind}` };
    await tar.create(from, [...files.map(({ path }) => path), 'export.json']);
    const [sha256, { size }] = [await sha256OfFile(file), await stat(file)];
    const key = `${archives(name, version)}${kind}-${sha256}.tar`;
    await store.putFile(key, file, sha256, { contentType: 'application/x-tar' });
    return { key, sha256, sizeBytes: size };
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

const recordKey = (name: string, version: number, format: ExportFormat, precision: ExportPrecision): string =>
  `${folder(name, version)}${kindOf(format, precision)}.json`;

/** The last export of a kind; null where none was made. */
export const readExport = (
  store: ObjectStore,
  name: string,
  version: number,
  format: ExportFormat,
  precision: ExportPrecision,
): Promise<ExportRecord | null> => readJson(store, recordKey(name, version, format, precision), ExportRecord);

/** The last export of each kind, by format and precision. */
export async function readExports(store: ObjectStore, name: string, version: number): Promise<ExportRecord[]> {
  const records: ExportRecord[] = [];
  for await (const { key } of store.list(folder(name, version))) {
    const record = await readJson(store, key, ExportRecord);
    if (record) records.push(record);
  }
  return records;
}

/** Lets go of the archives of a version; what its exports cost stays known. */
export async function dropArchives(store: ObjectStore, name: string, version: number): Promise<void> {
  for await (const { key } of store.list(archives(name, version))) await store.delete(key);
}
