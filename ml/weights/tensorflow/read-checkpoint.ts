import { open, stat } from 'node:fs/promises';
import type { SafeDType, TensorData } from '../../../core/checkpoint/tensor-data.ts';
import { elementBytes, elementCount } from '../../../core/checkpoint/tensor-data.ts';
import type { GraftError } from '../../../core/errors.ts';
import { inputError, messageOf } from '../../../core/errors.ts';
import { ByteReader } from '../torch/byte-reader.ts';
import type { BundleEntry } from './messages.ts';
import { decodeEntry, decodeGraph, decodeHeader } from './messages.ts';
import { maskedCrc32c, readTable, varint } from './table.ts';

/** tensorflow/core/framework/types.proto; others are no weights. */
const DTYPES: ReadonlyMap<number, SafeDType> = new Map([
  [1, 'F32'],
  [2, 'F64'],
  [3, 'I32'],
  [4, 'U8'],
  [6, 'I8'],
  [9, 'I64'],
  [10, 'BOOL'],
  [14, 'BF16'],
  [19, 'F16'],
]);
const DT_STRING = 7;

/** An index is some hundred bytes a variable. */
const MAX_INDEX_BYTES = 64 * 1024 * 1024;
const MAX_GRAPH_BYTES = 256 * 1024 * 1024;
const MAX_SHARDS = 1000;

/** Where TensorFlow 2 keeps which object each key belongs to. */
const OBJECT_GRAPH = '_CHECKPOINTABLE_OBJECT_GRAPH';
/** Counters and what an optimizer keeps: no part of a network. */
const NO_WEIGHT =
  /^(global_step|save_counter|_.*)$|\/(Adam(_\d+)?|Momentum|RMSProp(_\d+)?|ExponentialMovingAverage)$|OPTIMIZER_SLOT/;

/**
 * Variables of a TensorFlow checkpoint (`<prefix>.index` and its `.data-…` files: tensorflow/core/util/tensor_bundle): of
 * TensorFlow 1 by their keys, of TensorFlow 2 and Keras's SavedModels by the names that their object graph has. Checksums of
 * index and tensors are verified. Throws MODEL_FORMAT and MODEL_WEIGHTS.
 */
export async function readCheckpoint(prefix: string): Promise<Map<string, TensorData>> {
  const where = `${prefix}.index`;
  const entries = readTable(await wholeFile(where, MAX_INDEX_BYTES), where);
  const header = decodeHeader(entries.get('') ?? new Uint8Array(), where);
  if (header.endianness !== 0) throw malformed(where, 'big-endian data', 'little-endian');
  if (header.numShards < 1 || header.numShards > MAX_SHARDS)
    throw malformed(where, `${header.numShards} shards`, 'some');
  entries.delete('');
  const shards = new Shards(prefix, header.numShards);
  try {
    return await readEntries(entries, shards, where);
  } finally {
    await shards.close();
  }
}

async function readEntries(
  entries: ReadonlyMap<string, Uint8Array>,
  shards: Shards,
  where: string,
): Promise<Map<string, TensorData>> {
  const graph = entries.get(OBJECT_GRAPH);
  const names = graph ? await graphNames(decodeEntry(graph, where), shards, where) : new Map<string, string>();
  const tensors = new Map<string, TensorData>();
  for (const [key, bytes] of entries) {
    const name = names.get(key) ?? key;
    if (key === OBJECT_GRAPH || NO_WEIGHT.test(name) || NO_WEIGHT.test(key)) continue;
    const entry = decodeEntry(bytes, `${where}: ${key}`);
    const dtype = DTYPES.get(entry.dtype);
    // A variable may be there under two keys; texts are no weights.
    if (dtype === undefined || (tensors.has(name) && name !== key)) continue;
    const shape = entry.shape;
    if (entry.sliced) throw malformed(where, `${key} is cut into slices`, 'whole variables');
    if (elementCount(shape) * elementBytes(dtype) !== entry.sizeBytes) {
      throw malformed(where, `${key} [${shape.join(', ')}] in ${entry.sizeBytes} bytes`, 'sizes that fit each other');
    }
    const data = await shards.read(entry, key);
    if (maskedCrc32c(data) !== entry.crc32c) {
      throw inputError('MODEL_WEIGHTS', where, `${key} with another checksum`, 'whole data', 'download it again');
    }
    tensors.set(name, { dtype, shape, data });
  }
  return tensors;
}

/** Names by key. The graph is one text: its length as a varint, a checksum of the length, the bytes. */
async function graphNames(entry: BundleEntry, shards: Shards, where: string): Promise<Map<string, string>> {
  if (entry.dtype !== DT_STRING || entry.sizeBytes > MAX_GRAPH_BYTES) throw malformed(where, OBJECT_GRAPH, 'a text');
  const reader = new ByteReader(await shards.read(entry, OBJECT_GRAPH), where);
  const length = varint(reader);
  reader.slice(4);
  const variables = decodeGraph(reader.slice(length), where);
  return new Map(variables.flatMap(({ fullName, key }) => (fullName === '' ? [] : [[key, fullName]])));
}

/** `<prefix>.data-00000-of-00001` and its like, each open once. */
class Shards {
  private readonly files = new Map<number, Awaited<ReturnType<typeof open>>>();
  private readonly prefix: string;
  private readonly count: number;
  private readBytes = 0;
  private totalBytes = 0;

  constructor(prefix: string, count: number) {
    this.prefix = prefix;
    this.count = count;
  }

  async read({ shardId, offset, sizeBytes }: BundleEntry, key: string): Promise<Uint8Array> {
    if (shardId >= this.count) throw malformed(this.prefix, `${key} in shard ${shardId}`, `${this.count} shards`);
    const digits = (value: number): string => String(value).padStart(5, '0');
    const path = `${this.prefix}.data-${digits(shardId)}-of-${digits(this.count)}`;
    const file = await this.file(shardId, path);
    this.readBytes += sizeBytes;
    const { size } = await file.stat();
    // Overlapping entries would multiply the file in memory.
    if (offset + sizeBytes > size || this.readBytes > this.totalBytes) {
      const seen = `${key} at bytes ${offset}…${offset + sizeBytes}`;
      throw inputError('MODEL_WEIGHTS', path, seen, `inside of ${size} bytes`, 'download the checkpoint again');
    }
    const bytes = new Uint8Array(sizeBytes);
    for (let done = 0; done < sizeBytes;) {
      const { bytesRead } = await file.read(bytes, done, sizeBytes - done, offset + done);
      if (bytesRead === 0) throw inputError('MODEL_WEIGHTS', path, 'the file ends', `${sizeBytes} bytes for ${key}`);
      done += bytesRead;
    }
    return bytes;
  }

  async close(): Promise<void> {
    for (const file of this.files.values()) await file.close();
  }

  private async file(shardId: number, path: string): Promise<Awaited<ReturnType<typeof open>>> {
    const known = this.files.get(shardId);
    if (known) return known;
    const file = await open(path, 'r').catch((error: unknown) => {
      throw inputError('MODEL_FILE', path, messageOf(error), 'a shard of the checkpoint beside its index');
    });
    this.files.set(shardId, file);
    this.totalBytes += (await file.stat()).size;
    return file;
  }
}

/** A file into memory; MODEL_FILE where it can't be, or is larger than `limit` bytes. */
export async function wholeFile(path: string, limit: number): Promise<Uint8Array> {
  try {
    const { size } = await stat(path);
    if (size > limit) throw new Error(`${size} bytes`);
    const file = await open(path, 'r');
    try {
      const bytes = await file.readFile();
      return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
    } finally {
      await file.close();
    }
  } catch (error) {
    throw inputError('MODEL_FILE', path, messageOf(error), `a readable file of at most ${limit} bytes`);
  }
}

const malformed = (where: string, seen: string, expected: string): GraftError =>
  inputError('MODEL_FORMAT', where, seen, expected, 'download the checkpoint again');
