import protobuf from 'protobufjs';
import type { GraftError } from '../../../core/errors.ts';
import { inputError, messageOf } from '../../../core/errors.ts';

/** What graft reads of tensorflow/core/protobuf/tensor_bundle.proto and trackable_object_graph.proto (TensorFlow 2.21). */
const { root } = protobuf.parse(`
  syntax = "proto3";
  message Dim { int64 size = 1; }
  message Shape { repeated Dim dim = 2; bool unknown_rank = 3; }
  message Header { int32 num_shards = 1; int32 endianness = 2; }
  message Slice { bytes extent = 1; }
  message Entry {
    int32 dtype = 1; Shape shape = 2; int32 shard_id = 3; int64 offset = 4; int64 size = 5; fixed32 crc32c = 6;
    repeated Slice slices = 7;
  }
  message Attribute { string name = 1; string full_name = 2; string checkpoint_key = 3; }
  message Node { repeated Attribute attributes = 2; }
  message Graph { repeated Node nodes = 1; }
`);

export interface BundleHeader {
  readonly numShards: number;
  /** 0 little. */
  readonly endianness: number;
}

export interface BundleEntry {
  readonly dtype: number;
  readonly shape: readonly number[];
  readonly shardId: number;
  readonly offset: number;
  readonly sizeBytes: number;
  readonly crc32c: number;
  /** Whether it is cut into slices, as partitioned variables are. */
  readonly sliced: boolean;
}

/** A variable of an object graph: the name it was made with, and its key in the checkpoint. */
export interface GraphVariable {
  readonly fullName: string;
  readonly key: string;
}

type Plain = Readonly<Record<string, unknown>>;

function decode(type: string, bytes: Uint8Array, where: string): Plain {
  try {
    const kind = root.lookupType(type);
    return kind.toObject(kind.decode(bytes), { longs: Number, defaults: true, arrays: true });
  } catch (error) {
    throw malformed(where, messageOf(error));
  }
}

export function decodeHeader(bytes: Uint8Array, where: string): BundleHeader {
  const header = decode('Header', bytes, where);
  return { numShards: whole(header['numShards'], where), endianness: whole(header['endianness'], where) };
}

export function decodeEntry(bytes: Uint8Array, where: string): BundleEntry {
  const entry = decode('Entry', bytes, where);
  const shape = asPlain(entry['shape']);
  if (shape['unknownRank'] === true) throw malformed(where, 'a tensor of unknown shape');
  return {
    dtype: whole(entry['dtype'], where),
    shape: list(shape['dim']).map((dim) => whole(asPlain(dim)['size'], where)),
    shardId: whole(entry['shardId'], where),
    offset: whole(entry['offset'], where),
    sizeBytes: whole(entry['size'], where),
    crc32c: whole(entry['crc32c'], where),
    sliced: list(entry['slices']).length > 0,
  };
}

/** Variables of a TensorFlow 2 checkpoint's `_CHECKPOINTABLE_OBJECT_GRAPH`. */
export function decodeGraph(bytes: Uint8Array, where: string): GraphVariable[] {
  return list(decode('Graph', bytes, where)['nodes']).flatMap((node) =>
    list(asPlain(node)['attributes']).map((each) => {
      const attribute = asPlain(each);
      return { fullName: String(attribute['fullName']), key: String(attribute['checkpointKey']) };
    }),
  );
}

function asPlain(value: unknown): Plain {
  return typeof value === 'object' && value !== null ? Object.fromEntries(Object.entries(value)) : {};
}

const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

function whole(value: unknown, where: string): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw malformed(where, `${String(value)} for a size`);
}

const malformed = (where: string, seen: string): GraftError =>
  inputError('MODEL_FORMAT', where, seen, 'the index of a checkpoint', 'download the checkpoint again');
