import { stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { extname, resolve } from 'node:path';
import { errnoOf, inputError } from '../../core/errors.ts';
import type { DatasetSource, OpenDatasetSource } from '../ports/dataset-source.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { csvSource } from './csv-source.ts';
import { sourceFileProblem } from './faults.ts';
import { folderSource } from './folder-source.ts';
import { parseS3Url, s3Source } from './s3-source.ts';

/**
 * Opens a local folder, a `.csv` file, or `s3://bucket/prefix` (folder layout). `store` answers for its own bucket,
 * `storeOf` for others. Throws DATASET_MISSING, DATASET_FORMAT and DATASET_BUCKET (input) with what was looked for.
 */
export function openDatasetSource(
  store: ObjectStore,
  storeOf: (bucket: string) => ObjectStore | null = () => null,
): OpenDatasetSource {
  return async (source, format) => {
    if (/^[a-z][a-z0-9+.-]+:\/\//i.test(source)) return openRemote(source, format, store, storeOf);
    return openLocal(resolve(source), format);
  };
}

function openRemote(
  source: string,
  format: 'auto' | 'folder' | 'csv',
  store: ObjectStore,
  storeOf: (bucket: string) => ObjectStore | null,
): DatasetSource {
  const url = parseS3Url(source);
  const expected = 'a folder, a CSV file or s3://bucket/prefix';
  if (url === null) throw inputError('DATASET_FORMAT', source, 'an address of another kind', expected, 'copy it over');
  if (format === 'csv' || url.prefix.toLowerCase().endsWith('.csv')) {
    throw inputError(
      'DATASET_FORMAT',
      source,
      'a CSV file in a store',
      'class folders',
      'copy the CSV and its pictures',
    );
  }
  const owner = url.bucket === store.bucket ? store : storeOf(url.bucket);
  if (owner !== null) return s3Source(owner, url.prefix);
  const remedy = 'copy the data set into it, or set S3_BUCKET';
  throw inputError('DATASET_BUCKET', source, `another bucket than ${store.bucket}`, `s3://${store.bucket}/…`, remedy);
}

async function openLocal(path: string, format: 'auto' | 'folder' | 'csv'): Promise<DatasetSource> {
  const found = await stat(path).catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return null;
    throw sourceFileProblem(error, path);
  });
  if (found === null) {
    const seen = `no such file or folder on ${hostname()}`;
    const remedy = 'correct dataset.source; a worker on another machine needs the data there, or on s3://';
    throw inputError('DATASET_MISSING', path, seen, 'a folder of class folders or a CSV file', remedy);
  }
  const csv = found.isFile() && extname(path).toLowerCase() === '.csv';
  if (found.isDirectory() && format !== 'csv') return folderSource(path);
  if (found.isFile() && (csv || format === 'csv') && format !== 'folder') return csvSource(path);
  const kind = found.isDirectory() ? 'a folder' : 'a file';
  const expected = format === 'auto' ? 'a folder or a .csv file' : format === 'csv' ? 'a CSV file' : 'a folder';
  throw inputError('DATASET_FORMAT', path, kind, expected, 'correct dataset.source or dataset.format');
}
