import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import pLimit from 'p-limit';
import { PreparedShard } from '../../contracts/manifests.ts';
import type { DatasetItem, PreparedImage } from '../../contracts/manifests.ts';
import { canonicalJson } from '../../core/canonical-json.ts';
import { encodeSafetensors } from '../../core/checkpoint/safetensors.ts';
import { int32Tensor } from '../../core/checkpoint/tensor-data.ts';
import type { TensorData } from '../../core/checkpoint/tensor-data.ts';
import { transientError } from '../../core/errors.ts';
import type { RunningActivity } from '../lib/activity-context.ts';
import { rawBlobKey } from '../lib/dataset-items.ts';
import { sha256Of } from '../lib/hash.ts';
import type { DataPorts } from '../ports.ts';

/** Raise it when the same pictures would be rendered to other bytes. */
const RENDER_VERSION = 1;
const PARALLEL = 16;
const RENDER_BATCH = 32;

/**
 * One shard, addressed by its own pictures, labels and rendering: a prepare that was killed, or one of a grown data set,
 * finds the shards that are done. Its small record is written last.
 */
export async function preparedShard(
  ports: DataPorts,
  items: readonly DatasetItem[],
  classes: readonly string[],
  image: PreparedImage,
  activity: RunningActivity,
  onRendered: (rows: number) => void,
): Promise<PreparedShard> {
  const { store } = ports;
  const labels = items.map((item) => classes.indexOf(item.label));
  const content = items.map((item, i) => [item.sha256, item.path, labels[i] ?? -1]);
  const address = sha256Of(canonicalJson({ version: RENDER_VERSION, image, content }));
  const folder = `stages/prepare/shards/${address.slice(0, 2)}/${address}`;
  const known = await readRecord(ports, `${folder}.json`);
  if (known) return known;

  const pixels = await render(ports, items, image, activity, onRendered);
  const shape = [items.length, image.heightPx, image.widthPx, image.channels];
  const tensors = new Map<string, TensorData>([
    ['images', { dtype: 'U8', shape, data: pixels }],
    ['labels', int32Tensor(Int32Array.from(labels), [items.length])],
  ]);
  const bytes = encodeSafetensors(tensors);
  const lines = new TextEncoder().encode(
    items.map(({ path, sha256 }) => `${JSON.stringify({ path, sha256 })}\n`).join(''),
  );
  const shard: PreparedShard = {
    key: `${folder}.safetensors`,
    sha256: sha256Of(bytes),
    sizeBytes: bytes.length,
    rows: items.length,
    items: { key: `${folder}.jsonl`, sha256: sha256Of(lines), sizeBytes: lines.length },
  };
  await store.put(shard.key, bytes, { signal: activity.signal });
  await store.put(shard.items.key, lines, { contentType: 'application/x-ndjson', signal: activity.signal });
  const record = new TextEncoder().encode(JSON.stringify(shard));
  await store.put(`${folder}.json`, record, { contentType: 'application/json', signal: activity.signal });
  return shard;
}

/** The record of a shard whose bytes are there. */
async function readRecord({ store }: DataPorts, key: string): Promise<PreparedShard | null> {
  const found = await store.get(key);
  if (!found) return null;
  const shard = PreparedShard.safeParse(JSON.parse(new TextDecoder().decode(found.body)));
  if (!shard.success) return null;
  const there = await store.head(shard.data.key);
  return there?.sizeBytes === shard.data.sizeBytes ? shard.data : null;
}

/** All rows back to back. Raw files pass through the scratch folder a batch at a time. */
async function render(
  ports: DataPorts,
  items: readonly DatasetItem[],
  image: PreparedImage,
  activity: RunningActivity,
  onRendered: (rows: number) => void,
): Promise<Uint8Array> {
  const rowBytes = image.heightPx * image.widthPx * image.channels;
  const pixels = new Uint8Array(items.length * rowBytes);
  const dir = await ports.files.scratch('prepare', randomUUID());
  try {
    for (let start = 0; start < items.length; start += RENDER_BATCH) {
      const batch = items.slice(start, start + RENDER_BATCH);
      const paths = await fetchRaw(ports, batch, dir, activity.signal);
      const rows = await ports.images.render(paths, image, activity.signal);
      for (const [i, row] of rows.entries()) {
        if (!row.ok) throw changed(batch[i]?.path ?? '', row.error.message);
        pixels.set(row.value, (start + i) * rowBytes);
      }
      await Promise.all(paths.map((path) => rm(path, { force: true })));
      onRendered(start + batch.length);
    }
    return pixels;
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

function fetchRaw(
  { store }: DataPorts,
  items: readonly DatasetItem[],
  dir: string,
  signal: AbortSignal,
): Promise<string[]> {
  const limit = pLimit(PARALLEL);
  return Promise.all(
    items.map((item, i) =>
      limit(async () => {
        const path = join(dir, `${i}-${item.sha256.slice(0, 16)}`);
        await store.getFile(rawBlobKey(item.sha256), path, { sha256: item.sha256, signal });
        return path;
      }),
    ),
  );
}

/** It decoded when it was ingested and its hash verifies: the machine, not the picture, is at fault. */
function changed(path: string, reason: string): Error {
  return transientError('PREPARE_DECODE', path, reason, 'a picture that was readable when it was ingested');
}
