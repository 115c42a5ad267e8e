import { rm } from 'node:fs/promises';
import { z } from 'zod';
import { DatasetItem, DatasetPartition, QuarantinedItem } from '../../contracts/manifests.ts';
import { annotationsJson } from '../../core/dataset/items.ts';
import type { GroupRule } from '../../core/dataset/items.ts';
import { settleAnnotations } from '../../core/dataset/settle.ts';
import type { OutsideBoxes } from '../../core/dataset/settle.ts';
import { GraftError, inputError, transientError } from '../../core/errors.ts';
import type { Json } from '../../core/canonical-json.ts';
import { err, ok } from '../../core/result.ts';
import type { Result } from '../../core/result.ts';
import type { ImageInfo } from '../../infra/ports/image-decoder.ts';
import type { DatasetSource, SourceEntry } from '../../infra/ports/dataset-source.ts';
import { HANDED_BYTES } from '../lib/handed-bytes.ts';
import { sha256Of } from '../lib/hash.ts';
import { readJson, writeJson } from '../lib/json-object.ts';
import { encodeLines, putPart, readLines } from '../lib/json-lines.ts';
import { mapOrdered } from '../lib/map-ordered.ts';
import type { DataPorts } from '../ports.ts';
import type { ListingChunk } from './listing.ts';
import { storeBytes, storeFile } from './store-raw.ts';
import type { StoredRaw } from './store-raw.ts';

/** What reading a chunk leads to; remembered, so that a retry and a grown data set read only what is new. */
const ChunkRecord = z.object({
  kind: z.literal('graft.ingest-chunk/1'),
  items: DatasetPartition.nullable(),
  quarantined: z.array(QuarantinedItem),
});
type ChunkRecord = z.infer<typeof ChunkRecord>;

export interface ReadChunk {
  readonly partition: ChunkRecord['items'];
  readonly items: readonly DatasetItem[];
  readonly quarantined: readonly QuarantinedItem[];
}

export interface ReadingContext {
  readonly ports: Pick<DataPorts, 'store' | 'images'>;
  readonly source: DatasetSource;
  readonly datasetName: string;
  readonly codeVersion: number;
  readonly groupBy: string | null;
  readonly groupOf: GroupRule;
  readonly outsideBoxes: OutsideBoxes;
  readonly scratch: string;
  readonly signal: AbortSignal;
  /** Told after every file that was read or is known. */
  readonly seen: (files: number) => void;
}

/** Neighbours that go to the decoder together: it answers a few requests of many pictures sooner than many of one. */
const GROUP_FILES = 64;
/** One group is stored while the next is decoded. */
const GROUPS_AT_ONCE = 3;
/** Files of a group that are fetched at once, and decoded and stored where they are large. */
const FETCHED_AT_ONCE = 12;

/** Reads the files of a chunk, or finds what an earlier attempt or run made of the same files. */
export async function readChunk(chunk: ListingChunk, context: ReadingContext): Promise<ReadChunk> {
  const { ports, datasetName, codeVersion, groupBy, outsideBoxes, signal } = context;
  const rules = outsideBoxes === 'quarantine' ? [codeVersion, groupBy] : [codeVersion, groupBy, outsideBoxes];
  const address = sha256Of(JSON.stringify([...rules, chunk.sha256]));
  const recordKey = `datasets/${datasetName}/chunks/${address}.json`;
  const known = await knownChunk(recordKey, context);
  if (known !== null) {
    context.seen(chunk.entries.length);
    return known;
  }
  const items: DatasetItem[] = [];
  const looks: Uint8Array[] = [];
  const quarantined: QuarantinedItem[] = [];
  const groups = mapOrdered(groupsOf(chunk.entries), GROUPS_AT_ONCE, (entries) => readGroup(entries, context));
  for await (const group of groups) {
    for (const read of group) {
      if (read.ok) {
        items.push(read.value.item);
        looks.push(read.value.look);
      } else quarantined.push(read.error);
    }
    context.seen(group.length);
  }
  const partition = await storePartition(datasetName, items, looks, context);
  const record: ChunkRecord = { kind: 'graft.ingest-chunk/1', items: partition, quarantined };
  await writeJson(ports.store, recordKey, record, { signal });
  return { partition, items, quarantined };
}

/** Null where there is no record, or its partition is gone or damaged: then the files are read. */
async function knownChunk(recordKey: string, { ports, signal }: ReadingContext): Promise<ReadChunk | null> {
  const record = await readJson(ports.store, recordKey, parseRecord, { signal });
  const found = record.ok ? record.value?.value : null;
  if (!found) return null;
  const { items: partition, quarantined } = found;
  if (partition === null) return { partition, items: [], quarantined };
  try {
    const items: DatasetItem[] = [];
    for await (const item of readLines(ports.store, partition, DatasetItem, signal)) items.push(item);
    return { partition, items, quarantined };
  } catch (error) {
    const lost = error instanceof GraftError && ['STORE_NOT_FOUND', 'STORE_CORRUPT'].includes(error.code);
    if (lost) return null;
    throw error;
  }
}

function parseRecord(value: unknown): Result<ChunkRecord | null, never> {
  const parsed = ChunkRecord.safeParse(value);
  return ok(parsed.success ? parsed.data : null);
}

async function storePartition(
  datasetName: string,
  items: readonly DatasetItem[],
  looks: readonly Uint8Array[],
  { ports, signal }: ReadingContext,
): Promise<ChunkRecord['items']> {
  if (items.length === 0) return null;
  const folder = `datasets/${datasetName}/partitions`;
  const body = encodeLines(items.map(asJson));
  const part = await putPart(ports.store, `${folder}/${sha256Of(body)}.jsonl`, body, signal);
  const rows = Buffer.concat(looks);
  const looksKey = `${folder}/${sha256Of(rows)}.looks`;
  const stored = await putPart(ports.store, looksKey, rows, signal, 'application/octet-stream');
  return { ...part, items: items.length, looks: stored };
}

function asJson(item: DatasetItem): Json {
  const { path, label, sha256, sizeBytes, width, height, channels, format } = item;
  return { path, label, sha256, sizeBytes, width, height, channels, format, ...annotationsJson(item) };
}

interface ReadItem {
  readonly item: DatasetItem;
  readonly look: Uint8Array;
}

type Reading = Result<ReadItem, QuarantinedItem>;

function* groupsOf(entries: readonly SourceEntry[]): Generator<readonly SourceEntry[]> {
  for (let start = 0; start < entries.length; start += GROUP_FILES) yield entries.slice(start, start + GROUP_FILES);
}

/** Results in the order of the entries: small files go through together, each of the others by itself. */
async function readGroup(entries: readonly SourceEntry[], context: ReadingContext): Promise<readonly Reading[]> {
  const found = new Map<SourceEntry, Reading>();
  const others = entries.filter((entry) => !isHanded(entry));
  await allEnded([readHanded(entries.filter(isHanded), found, context), readOthers(others, found, context)]);
  return entries.flatMap((entry) => found.get(entry) ?? []);
}

/** Whether the decoder hands over the bytes that it reads: to have the worker read them too costs more than the rest. */
const isHanded = ({ sizeBytes, problem, converted }: SourceEntry): boolean =>
  sizeBytes <= HANDED_BYTES && problem === undefined && converted !== true;

async function readHanded(
  entries: readonly SourceEntry[],
  found: Map<SourceEntry, Reading>,
  context: ReadingContext,
): Promise<void> {
  const { ports, source, scratch, signal } = context;
  const fetched: { readonly entry: SourceEntry; readonly path: string; readonly sizeBytes: number }[] = [];
  const fetching = mapOrdered(entries, FETCHED_AT_ONCE, async (entry) => ({
    entry,
    path: await fetchUsable(entry, context),
  }));
  try {
    for await (const { entry, path } of fetching) {
      if (typeof path === 'string') fetched.push({ entry, path, sizeBytes: entry.sizeBytes });
      else found.set(entry, err(path));
    }
    const pictures = await ports.images.read(fetched, signal);
    const keep = async ({ entry, path }: { entry: SourceEntry; path: string }, index: number): Promise<void> => {
      const read = pictures[index];
      if (read === undefined) throw new Error('the image decoder gave no answer');
      if (!read.ok) found.set(entry, err(quarantinedItem(entry, read.error, source.where)));
      else
        found.set(
          entry,
          await keptItem(entry, read.value.info, context, () =>
            storeBytes(entry, path, read.value.bytes, ports.store, signal),
          ),
        );
    };
    await allEnded(fetched.map(keep));
  } finally {
    await Promise.all(fetched.map(({ path }) => removeCopy(path, scratch)));
  }
}

async function readOthers(
  entries: readonly SourceEntry[],
  found: Map<SourceEntry, Reading>,
  context: ReadingContext,
): Promise<void> {
  const reading = mapOrdered(
    entries,
    FETCHED_AT_ONCE,
    async (entry) => [entry, await readEntry(entry, context)] as const,
  );
  for await (const [entry, read] of reading) found.set(entry, read);
}

/** Rejects as the first that rejects, but not before all have come to their end. */
async function allEnded(work: readonly Promise<void>[]): Promise<void> {
  await Promise.allSettled(work);
  await Promise.all(work);
}

async function readEntry(entry: SourceEntry, context: ReadingContext): Promise<Reading> {
  const { ports, source, scratch, signal } = context;
  if (entry.problem !== undefined) return err({ path: entry.path, ...entry.problem });
  const path = await fetchUsable(entry, context);
  if (typeof path !== 'string') return err(path);
  try {
    const [inspected] = await ports.images.inspect([path], signal);
    if (inspected === undefined) throw new Error('the image decoder gave no answer');
    if (!inspected.ok) return err(quarantinedItem(entry, inspected.error, source.where));
    return await keptItem(entry, inspected.value, context, () => storeFile(entry, path, ports.store, signal));
  } finally {
    await removeCopy(path, scratch);
  }
}

async function removeCopy(path: string, scratch: string): Promise<void> {
  if (path.startsWith(scratch)) await rm(path, { force: true });
}

/** A local path; or why nothing can be made of it, where that lies in the item itself. */
async function fetchUsable(
  entry: SourceEntry,
  { source, scratch, signal }: ReadingContext,
): Promise<string | QuarantinedItem> {
  // A look at each file before it is opened would be a request to the disk for nothing.
  if (source.placeOf && entry.converted !== true) return source.placeOf(entry);
  try {
    return await source.fetch(entry, scratch, signal);
  } catch (error) {
    const own = error instanceof GraftError && error.kind === 'input' && /^(?:IMAGE|DICOM)_/.test(error.code);
    if (own) return quarantinedItem(entry, error, source.where);
    throw error;
  }
}

/** The item of a picture that was inspected, once it is stored; what its annotations can't be is not stored. */
async function keptItem(
  entry: SourceEntry,
  { look, ...picture }: ImageInfo,
  context: ReadingContext,
  store: () => Promise<StoredRaw>,
): Promise<Reading> {
  const annotations = settledAnnotations(entry, picture, context);
  if (!annotations.ok) return annotations;
  const item = { path: entry.path, label: entry.label, ...(await store()), ...picture, ...annotations.value };
  return ok({ item, look: Buffer.from(look, 'base64') });
}

/** What the entry says of this picture. `dataset.split.groupBy` goes before a group that the source names. */
function settledAnnotations(
  entry: SourceEntry,
  picture: Omit<ImageInfo, 'look'>,
  { groupOf, outsideBoxes }: ReadingContext,
): Result<Omit<DatasetItem, keyof ImageInfo | 'path' | 'label' | 'sha256' | 'sizeBytes'>, QuarantinedItem> {
  const settled = settleAnnotations(entry.annotations ?? { unit: 'pixels' }, picture, outsideBoxes);
  if (!settled.ok) return err({ path: entry.path, ...settled.error });
  const { boxes, labels, negatives, ...rest } = settled.value;
  const group = groupOf(entry.path);
  return ok({
    ...rest,
    ...(boxes === undefined ? {} : { boxes: [...boxes] }),
    ...(labels === undefined ? {} : { labels: [...labels] }),
    ...(negatives === undefined ? {} : { negatives: [...negatives] }),
    ...(group === undefined ? {} : { group }),
  });
}

/** A file that can't even be opened says nothing of its picture: that is thrown, never remembered. */
function quarantinedItem(entry: SourceEntry, error: GraftError, where: string): QuarantinedItem {
  const { seen, expected } = error.parts;
  if (error.code === 'IMAGE_UNREADABLE') {
    const at = `${where}: ${entry.path}`;
    if (seen === 'ENOENT') throw transientError('DATASET_CHANGED', at, seen, 'the file that was listed');
    throw inputError('DATASET_ACCESS', at, seen, 'a readable file', 'change its owner or mode');
  }
  return { path: entry.path, code: error.code, reason: expected === undefined ? seen : `${seen}, not ${expected}` };
}
