import { readFile, rm, stat } from 'node:fs/promises';
import { z } from 'zod';
import { DatasetItem, DatasetPartition, QuarantinedItem } from '../../contracts/manifests.ts';
import { annotationsJson } from '../../core/dataset/items.ts';
import type { GroupRule } from '../../core/dataset/items.ts';
import { settleAnnotations } from '../../core/dataset/settle.ts';
import type { OutsideBoxes } from '../../core/dataset/settle.ts';
import { GraftError, errnoOf, inputError, transientError } from '../../core/errors.ts';
import type { Json } from '../../core/canonical-json.ts';
import type { Sha256 } from '../../core/ids.ts';
import { err, ok } from '../../core/result.ts';
import type { Result } from '../../core/result.ts';
import type { ImageInfo } from '../../infra/ports/image-decoder.ts';
import type { DatasetSource, SourceEntry } from '../../infra/ports/dataset-source.ts';
import type { ObjectStore } from '../../infra/ports/object-store.ts';
import { blobKey } from '../lib/dataset.ts';
import { HANDED_BYTES } from '../lib/handed-bytes.ts';
import { sha256Of, sha256OfFile } from '../lib/hash.ts';
import { readJson, writeJson } from '../lib/json-object.ts';
import { encodeLines, putPart, readLines } from '../lib/json-lines.ts';
import { mapOrdered } from '../lib/map-ordered.ts';
import type { DataPorts } from '../ports.ts';
import type { ListingChunk } from './listing.ts';

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

/** Files that are fetched, decoded, hashed and uploaded at once. */
const FILES_AT_ONCE = 32;
/** Files up to this size are read once, to be hashed and uploaded; larger ones are streamed for each. */
const HELD_BYTES = 2 * 2 ** 20;

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
  for await (const read of mapOrdered(chunk.entries, FILES_AT_ONCE, (entry) => readEntry(entry, context))) {
    if (read.ok) {
      items.push(read.value.item);
      looks.push(read.value.look);
    } else quarantined.push(read.error);
    context.seen(1);
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

async function readEntry(entry: SourceEntry, context: ReadingContext): Promise<Result<ReadItem, QuarantinedItem>> {
  const { scratch } = context;
  if (entry.problem !== undefined) return err({ path: entry.path, ...entry.problem });
  const path = await fetchUsable(entry, context);
  if (typeof path !== 'string') return err(path);
  try {
    return await readLocal(entry, path, context);
  } finally {
    if (path.startsWith(scratch)) await rm(path, { force: true });
  }
}

/** A local path; or why nothing can be made of it, where that lies in the item itself. */
async function fetchUsable(
  entry: SourceEntry,
  { source, scratch, signal }: ReadingContext,
): Promise<string | QuarantinedItem> {
  try {
    return await source.fetch(entry, scratch, signal);
  } catch (error) {
    const own = error instanceof GraftError && error.kind === 'input' && /^(?:IMAGE|DICOM)_/.test(error.code);
    if (own) return quarantinedItem(entry, error, source.where);
    throw error;
  }
}

async function readLocal(
  entry: SourceEntry,
  path: string,
  context: ReadingContext,
): Promise<Result<ReadItem, QuarantinedItem>> {
  const { ports, source, signal } = context;
  const bytes = await smallFile(entry, path, signal);
  const [inspected] = await ports.images.inspect([bytes === null ? path : { path, bytes }], signal);
  if (inspected === undefined) throw new Error('the image decoder gave no answer');
  if (!inspected.ok) return err(quarantinedItem(entry, inspected.error, source.where));
  const { look, ...picture } = inspected.value;
  const annotations = settledAnnotations(entry, picture, context);
  if (!annotations.ok) return annotations;
  const stored = await storeRaw(entry, { path, bytes }, ports.store, signal);
  const item = { path: entry.path, label: entry.label, ...stored, ...picture, ...annotations.value };
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

/** The bytes of a small file, so that it is read once; null for a larger one, and for what the decoder is to judge. */
async function smallFile(entry: SourceEntry, path: string, signal: AbortSignal): Promise<Buffer | null> {
  if (entry.sizeBytes > HANDED_BYTES || entry.converted === true) return null;
  try {
    return await readFile(path, { signal });
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return null;
  }
}

/** Stores a file under its hash unless it is there. DATASET_CHANGED where it is not the size it was listed with. */
async function storeRaw(
  entry: SourceEntry,
  { path, bytes }: { readonly path: string; readonly bytes: Buffer | null },
  store: ObjectStore,
  signal: AbortSignal,
): Promise<{ sha256: Sha256; sizeBytes: number }> {
  const small = bytes ?? (entry.sizeBytes <= HELD_BYTES ? await readFile(path, { signal }) : null);
  const sizeBytes = small?.length ?? (await stat(path)).size;
  if (sizeBytes !== entry.sizeBytes && entry.converted !== true) {
    throw transientError('DATASET_CHANGED', path, `${sizeBytes} bytes`, `${entry.sizeBytes}, as when it was listed`);
  }
  const sha256 = small === null ? await sha256OfFile(path, signal) : sha256Of(small);
  const key = blobKey(sha256);
  if (bytes !== null) {
    // One request where a look and a write are two; a refused write finds other bytes there: they are replaced.
    if ((await store.putIfAbsent(key, bytes, { signal })).kind === 'conflict') await store.put(key, bytes, { signal });
    return { sha256, sizeBytes };
  }
  if ((await store.head(key, { signal }))?.sizeBytes === sizeBytes) return { sha256, sizeBytes };
  if (small === null) await store.putFile(key, path, sha256, { signal });
  else await store.put(key, small, { signal });
  return { sha256, sizeBytes };
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
