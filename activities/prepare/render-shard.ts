import { createHash } from 'node:crypto';
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { PreparedShard } from '../../contracts/manifests.ts';
import type { PreparedImage } from '../../contracts/manifests.ts';
import { canonicalJson } from '../../core/canonical-json.ts';
import type { Json } from '../../core/canonical-json.ts';
import { encodeSafetensorsHeader, tensorParts } from '../../core/checkpoint/safetensors.ts';
import { float32Tensor, int32Tensor } from '../../core/checkpoint/tensor-data.ts';
import type { TensorData } from '../../core/checkpoint/tensor-data.ts';
import { framedBoxes } from '../../core/dataset/framed-boxes.ts';
import type { Row } from '../../core/dataset/packed-rows.ts';
import { GraftError, failedError, transientError } from '../../core/errors.ts';
import { asSha256 } from '../../core/ids.ts';
import type { Sha256 } from '../../core/ids.ts';
import { ok } from '../../core/result.ts';
import type { Result } from '../../core/result.ts';
import type { PictureFile } from '../../infra/ports/image-decoder.ts';
import type { ObjectStore } from '../../infra/ports/object-store.ts';
import { blobKey } from '../lib/dataset.ts';
import { HANDED_BYTES } from '../lib/handed-bytes.ts';
import { sha256Of } from '../lib/hash.ts';
import { readJson, writeJson } from '../lib/json-object.ts';
import { encodeLines, putPart } from '../lib/json-lines.ts';
import { mapOrdered } from '../lib/map-ordered.ts';
import { partsExist } from '../lib/stage.ts';
import type { DataPorts } from '../ports.ts';

export interface RenderingContext {
  readonly ports: Pick<DataPorts, 'store' | 'images' | 'files' | 'trainsHere'>;
  readonly image: PreparedImage;
  /** Index of each class. */
  readonly classes: ReadonlyMap<string, number>;
  readonly codeVersion: number;
  /** Where shards lie: below the stage's own key, so that another attempt finds those that are done. */
  readonly shardsPrefix: string;
  readonly scratch: string;
  readonly signal: AbortSignal;
  /** Told after every picture that was rendered or is known. */
  readonly seen: (rows: number) => void;
}

/** Pictures that are downloaded and rendered at once: so many that the decoder's processes get them in batches. */
const PICTURES_AT_ONCE = 64;

/**
 * Renders a shard, or finds the one that an earlier attempt made of the same pictures. Its record is written last and
 * names the files by their content, so that two attempts at once can't mix.
 */
export async function renderShard(rows: readonly Row[], context: RenderingContext): Promise<PreparedShard> {
  const { ports, image, codeVersion, shardsPrefix, signal } = context;
  const inputs = rows.map(({ sha256, path, label, picture }) =>
    picture === undefined
      ? [sha256, path, label]
      : [sha256, path, JSON.stringify(picture), [...context.classes.keys()]],
  );
  const address = sha256Of(canonicalJson({ codeVersion, image, inputs }));
  const recordKey = `${shardsPrefix}${address}.json`;
  const known = await readJson(ports.store, recordKey, parseShard, { signal });
  const done = known.ok ? known.value?.value : null;
  if (done && (await partsExist(ports.store, [done, done.items], signal))) {
    context.seen(rows.length);
    return done;
  }
  const items = encodeLines(rows.map(itemLine));
  const shard: PreparedShard = {
    ...(await storePixels(rows, address, context)),
    rows: rows.length,
    items: await putPart(ports.store, `${shardsPrefix}${sha256Of(items)}.jsonl`, items, signal),
  };
  await writeJson(ports.store, recordKey, shard, { signal });
  return shard;
}

function parseShard(value: unknown): Result<PreparedShard | null, never> {
  const parsed = PreparedShard.safeParse(value);
  return ok(parsed.success ? parsed.data : null);
}

async function storePixels(rows: readonly Row[], address: Sha256, context: RenderingContext) {
  const { ports, image, shardsPrefix, scratch, signal } = context;
  const shape = [rows.length, image.heightPx, image.widthPx, image.channels];
  const tensors = new Map<string, TensorData>([
    ...objectTensors(rows, context),
    ['images', { dtype: 'U8', shape, data: await renderRows(rows, address, context) }],
    [
      'labels',
      int32Tensor(
        Int32Array.from(rows, ({ label }) => label),
        [rows.length],
      ),
    ],
  ]);
  const path = join(scratch, `${address}.safetensors`);
  try {
    const { sha256, sizeBytes } = await writeSafetensors(path, tensors);
    const key = `${shardsPrefix}${sha256}.safetensors`;
    await ports.store.putFile(key, path, sha256, { signal });
    const blob = { key, sha256, sizeBytes };
    if (ports.trainsHere) await ports.files.adopt(blob, path);
    return blob;
  } finally {
    await rm(path, { force: true });
  }
}

function itemLine({ path, sha256, picture }: Row): Json {
  if (picture === undefined) return { path, sha256 };
  return { path, sha256, ...picture, boxes: picture.boxes.map((box) => ({ ...box })) };
}

/** What of detection is beside the pixels (contracts/manifests.ts, PreparedShard); nothing for classification. */
function objectTensors(rows: readonly Row[], { image, classes }: RenderingContext): [string, TensorData][] {
  const pictures = rows.flatMap(({ picture }) => (picture === undefined ? [] : [picture]));
  if (pictures.length < rows.length) return [];
  const { counts, boxes, labels, flags } = framedBoxes(pictures, classes, image);
  return [
    ['boxCounts', int32Tensor(counts, [counts.length])],
    ['boxes', float32Tensor(boxes, [labels.length, 4])],
    ['boxLabels', int32Tensor(labels, [labels.length])],
    ['boxFlags', int32Tensor(flags, [flags.length])],
  ];
}

/** Part by part to the disk: the pixels are in memory once. */
async function writeSafetensors(
  path: string,
  tensors: ReadonlyMap<string, TensorData>,
): Promise<{ sha256: Sha256; sizeBytes: number }> {
  const { header, order } = encodeSafetensorsHeader(tensors);
  const hash = createHash('sha256');
  let sizeBytes = 0;
  const file = await open(path, 'w');
  try {
    for (const part of [header, ...tensorParts(tensors, order)]) {
      hash.update(part);
      sizeBytes += part.length;
      await file.writeFile(part);
    }
  } finally {
    await file.close();
  }
  return { sha256: asSha256(hash.digest('hex')), sizeBytes };
}

async function renderRows(rows: readonly Row[], address: Sha256, context: RenderingContext): Promise<Uint8Array> {
  const { heightPx, widthPx, channels } = context.image;
  const rowBytes = heightPx * widthPx * channels;
  const pixels = new Uint8Array(rows.length * rowBytes);
  const raw = (index: number): string => join(context.scratch, `${address.slice(0, 16)}-${index}`);
  const renderAt = async ([index, row]: [number, Row]): Promise<number> => {
    await renderRow(row, raw(index), pixels.subarray(index * rowBytes, (index + 1) * rowBytes), context);
    return 1;
  };
  for await (const rendered of mapOrdered(rows.entries(), PICTURES_AT_ONCE, renderAt)) context.seen(rendered);
  return pixels;
}

async function renderRow(
  row: Row,
  path: string,
  into: Uint8Array,
  { ports, image, signal }: RenderingContext,
): Promise<void> {
  const { sizeBytes, path: name } = row;
  try {
    const picture = await fetchPicture(row, path, ports.store, signal);
    const [rendered] = await ports.images.render([picture], image, into, signal);
    if (rendered?.ok === true) return;
    // It was whole when it was ingested, and its hash says it still is: the disk or the decoder failed, not the picture.
    const seen = `can't be rendered: ${rendered?.error.message ?? 'no answer'}`;
    throw transientError('STORE_CORRUPT', name, seen, 'the picture that was ingested', 'try again');
  } catch (error) {
    if (error instanceof GraftError && error.code === 'STORE_NOT_FOUND') throw blobGone(row, ports.store);
    throw error;
  } finally {
    if (sizeBytes > HANDED_BYTES) await rm(path, { force: true });
  }
}

/** A small picture's bytes; a larger one lies at `path`. */
async function fetchPicture(row: Row, path: string, store: ObjectStore, signal: AbortSignal): Promise<PictureFile> {
  const { sha256, sizeBytes } = row;
  if (sizeBytes > HANDED_BYTES) {
    await store.getFile(blobKey(sha256), path, { sha256, signal });
    return path;
  }
  const found = await store.get(blobKey(sha256), { sha256, signal });
  if (found === null) throw blobGone(row, store);
  return { path, bytes: found.body };
}

function blobGone({ sha256, path }: Row, { bucket }: ObjectStore): GraftError {
  const remedy = 'delete stages/ingest and the data set’s chunks from the bucket, and run again';
  return failedError('BLOB_GONE', `${bucket}/${blobKey(sha256)}`, `no bytes of ${path}`, 'them', remedy);
}
