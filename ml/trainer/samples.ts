import { existsSync } from 'node:fs';
import type { LocalSide } from '../../contracts/ml-protocol.ts';
import { halfToFloat32 } from '../../core/checkpoint/half.ts';
import { asInt32, elementBytes, elementCount } from '../../core/checkpoint/tensor-data.ts';
import type { SafeDType } from '../../core/checkpoint/tensor-data.ts';
import { inputError, transientError } from '../../core/errors.ts';
import { openSafetensorsFile } from '../weights/safetensors-file.ts';
import type { SafetensorsFile } from '../weights/safetensors-file.ts';

/** Rows of prepared data in random access, from disk: memory holds the labels and one batch, and no set but a small one. */
export interface SampleReader {
  readonly rows: number;
  /** Shape of one row: [height, width, channels] of images. */
  readonly shape: readonly number[];
  /** Of its elements as they are read: U8 of images, F16 or F32 of codes. */
  readonly dtype: SafeDType;
  readonly labels: Int32Array;
  /** Bytes of a row as `read` gives it. */
  readonly rowBytes: number;
  /** The rows' bytes back to back, in the order asked for: into `into`, which has room for just them, where given. */
  read(indexes: readonly number[], into?: Uint8Array): Promise<Uint8Array>;
  close(): Promise<void>;
}

interface OpenShard {
  readonly file: SafetensorsFile;
  readonly start: number;
  readonly rows: number;
}

/** A side up to this size is read into memory once: 32 reads of a few hundred bytes would take longer than a small step. */
const IN_MEMORY_BYTES = 64 * 1024 * 1024;

/** Opens every shard of a side. `tensor` is `images` (uint8) of prepared data or `codes` (float16 or float32) of a frozen prefix. */
export async function openSamples(
  side: LocalSide,
  tensor: 'images' | 'codes',
  inMemoryBytes = IN_MEMORY_BYTES,
): Promise<SampleReader> {
  const shards: OpenShard[] = [];
  const labels = new Int32Array(side.rows);
  let rows = 0;
  let shape: readonly number[] = [];
  let dtype: SafeDType = 'U8';
  for (const shard of side.shards) {
    if (!existsSync(shard.path)) throw shardGone(shard.path);
    const file = await openSafetensorsFile(shard.path);
    shards.push({ file, start: rows, rows: shard.rows });
    const entry = file.entry(tensor);
    if (entry.shape[0] !== shard.rows || rows + shard.rows > side.rows) {
      throw inputError('SHARD_ROWS', shard.path, `${entry.shape[0]} rows`, `${shard.rows} rows as its manifest says`);
    }
    shape = entry.shape.slice(1);
    dtype = entry.dtype;
    const bytes = await file.readRows('labels', 0, shard.rows);
    labels.set(asInt32({ dtype: 'I32', shape: [shard.rows], data: bytes }), rows);
    rows += shard.rows;
  }
  const rowBytes = elementBytes(dtype) * elementCount(shape);
  const whole = rows * rowBytes <= inMemoryBytes ? await readWhole(shards, tensor, rows * rowBytes) : null;
  // Halves become floats once, and not in each epoch.
  const isWidened = whole !== null && dtype === 'F16' && 2 * whole.length <= inMemoryBytes;
  const held = isWidened ? new Uint8Array(widened(whole).buffer) : whole;
  const heldBytes = isWidened ? 2 * rowBytes : rowBytes;
  return {
    rows,
    shape,
    dtype: isWidened ? 'F32' : dtype,
    labels,
    rowBytes: heldBytes,
    async read(indexes, into = new Uint8Array(indexes.length * heldBytes)) {
      if (into.length !== indexes.length * heldBytes)
        throw new Error(`${into.length} bytes for ${indexes.length} rows`);
      if (held) return gather(held, indexes, heldBytes, into);
      await Promise.all(
        indexes.map((index, i) => {
          const shard = shardOf(shards, index);
          const place = into.subarray(i * rowBytes, (i + 1) * rowBytes);
          return shard.file.readRows(tensor, index - shard.start, 1, place);
        }),
      );
      return into;
    },
    async close() {
      for (const { file } of shards) await file.close();
    },
  };
}

/** The shard that holds a row. */
function shardOf(shards: readonly OpenShard[], index: number): OpenShard {
  let low = 0;
  let high = shards.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((shards[middle]?.start ?? 0) <= index) low = middle;
    else high = middle - 1;
  }
  const shard = shards[low];
  if (!shard || index < shard.start || index >= shard.start + shard.rows) throw new Error(`row ${index}`);
  return shard;
}

async function readWhole(shards: readonly OpenShard[], tensor: string, sizeBytes: number): Promise<Uint8Array> {
  const whole = new Uint8Array(sizeBytes);
  let at = 0;
  for (const { file, rows } of shards) {
    const bytes = await file.readRows(tensor, 0, rows);
    whole.set(bytes, at);
    at += bytes.length;
  }
  return whole;
}

/** Halves, back to back from an even place of their buffer, as floats: every half is one. */
export function widened({ buffer, byteOffset, length }: Uint8Array): Float32Array {
  return halfToFloat32(new Uint16Array(buffer, byteOffset, length / 2));
}

/** Rows of `rowBytes` each, back to back in the order asked for. */
function gather(whole: Uint8Array, indexes: readonly number[], rowBytes: number, out: Uint8Array): Uint8Array {
  for (const [i, index] of indexes.entries()) {
    if (!(index >= 0 && (index + 1) * rowBytes <= whole.length)) throw new Error(`row ${index}`);
    out.set(whole.subarray(index * rowBytes, (index + 1) * rowBytes), i * rowBytes);
  }
  return out;
}

/** The worker's cache lets go of what it believes unused, such as what a trainer opened hours ago and now opens again. */
function shardGone(path: string): Error {
  return transientError(
    'SHARD_GONE',
    path,
    'no such file',
    'a file that the worker fetched',
    'the next try fetches it',
  );
}

/** The labels of these rows. */
export function labelsOf(samples: SampleReader, indexes: readonly number[]): Int32Array {
  return Int32Array.from(indexes, (index) => samples.labels[index] ?? 0);
}

/** `count` whole numbers from `start`. */
export function range(start: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => start + i);
}
