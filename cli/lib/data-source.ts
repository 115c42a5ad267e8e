import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ItemAnnotations } from '../../core/dataset/annotations.ts';
import { settleAnnotations } from '../../core/dataset/settle.ts';
import type { OutsideBoxes } from '../../core/dataset/settle.ts';
import { GraftError } from '../../core/errors.ts';
import type { QuarantinedItem } from '../../contracts/manifests.ts';
import { childEnvironment, settings } from '../../infra/config.ts';
import { createImageDecoder } from '../../infra/images/image-decoder.ts';
import type { DatasetSource, OpenSourceOptions, SourceEntry, SourceFormat } from '../../infra/ports/dataset-source.ts';
import type { ImageDecoder, ImageInfo } from '../../infra/ports/image-decoder.ts';
import { openDatasetSource, sourcesSetup } from '../../infra/sources/open-source.ts';
import { withStore } from './services.ts';
import { storedSource, storedVersion } from './stored-data.ts';

/** An open source, and what it takes to look at its pictures without a worker. */
export interface DataBench {
  readonly source: DatasetSource;
  readonly decoder: ImageDecoder;
  /** A folder for this command alone. */
  readonly dir: string;
}

/** Opens a data set as a run would, or a stored version (NAME@VERSION). The object store is asked for only where the source is in it. */
export async function withDataSource<T>(
  source: string,
  format: 'auto' | SourceFormat,
  options: OpenSourceOptions,
  work: (bench: DataBench) => Promise<T>,
): Promise<T> {
  const setup = sourcesSetup(settings());
  const use = async (open: ReturnType<typeof openDatasetSource>): Promise<T> => {
    const dir = await mkdtemp(join(tmpdir(), 'graft-data-'));
    const decoder = createImageDecoder({ env: childEnvironment({}, { secrets: false }) });
    try {
      return await work({ source: await open(source, format, options), decoder, dir });
    } finally {
      await decoder.close();
      await rm(dir, { recursive: true, force: true });
    }
  };
  const stored = storedVersion(source);
  if (stored !== null) {
    return withStore((store) => use(() => storedSource(store, stored.name, stored.version)));
  }
  if (!/^s3:\/\//i.test(source)) return use(openDatasetSource({ store: null, ...setup }));
  return withStore((store) => use(openDatasetSource({ store, ...setup })));
}

/** An item that was read: its file on this disk until the next comes, what it is, and what is known of it. */
export interface ReadItem {
  readonly entry: SourceEntry;
  readonly path: string;
  readonly picture: ImageInfo;
  readonly annotations: ItemAnnotations;
}

/** Pictures that are decoded together. */
const AT_ONCE = 32;

/** Reads every item as ingest does: each is given out, or told to `quarantine` with its reason. */
export async function* readItems(
  { source, decoder, dir }: DataBench,
  outside: OutsideBoxes,
  quarantine: (item: QuarantinedItem) => void,
): AsyncGenerator<ReadItem> {
  let held: SourceEntry[] = [];
  const flush = async function* (): AsyncGenerator<ReadItem> {
    const entries = held;
    held = [];
    yield* readTogether(entries, { source, decoder, dir }, outside, quarantine);
  };
  for await (const entry of source.list()) {
    if (entry.problem !== undefined) quarantine({ path: entry.path, ...entry.problem });
    else held.push(entry);
    if (held.length === AT_ONCE) yield* flush();
  }
  yield* flush();
}

async function* readTogether(
  entries: readonly SourceEntry[],
  { source, decoder, dir }: DataBench,
  outside: OutsideBoxes,
  quarantine: (item: QuarantinedItem) => void,
): AsyncGenerator<ReadItem> {
  const fetched = await Promise.all(entries.map((entry) => fetchOne(source, entry, dir)));
  const paths = fetched.flatMap((path) => (typeof path === 'string' ? [path] : []));
  const inspected = (await decoder.inspect(paths)).values();
  for (const [i, entry] of entries.entries()) {
    const path = fetched[i];
    if (path instanceof GraftError) {
      quarantine({ path: entry.path, code: path.code, reason: path.parts.seen });
      continue;
    }
    const picture = inspected.next().value;
    if (path === undefined || picture === undefined) throw new Error('the image decoder gave no answer');
    if (!picture.ok) {
      quarantine({ path: entry.path, code: picture.error.code, reason: picture.error.parts.seen });
    } else {
      const settled = settleAnnotations(entry.annotations ?? { unit: 'pixels' }, picture.value, outside);
      if (settled.ok) yield { entry, path, picture: picture.value, annotations: settled.value };
      else quarantine({ path: entry.path, ...settled.error });
    }
    if (path.startsWith(dir)) await rm(path, { force: true });
  }
}

async function fetchOne(source: DatasetSource, entry: SourceEntry, dir: string): Promise<string | GraftError> {
  try {
    return await source.fetch(entry, dir);
  } catch (error) {
    if (error instanceof GraftError && /^(?:IMAGE|DICOM)_/.test(error.code)) return error;
    throw error;
  }
}
