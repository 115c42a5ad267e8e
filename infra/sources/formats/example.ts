import protobuf from 'protobufjs';
import { inputError, messageOf } from '../../../core/errors.ts';

/** The values of a feature of tf.Example; two of the three are empty. */
export interface Feature {
  readonly bytes: readonly Uint8Array[];
  readonly floats: readonly number[];
  readonly ints: readonly number[];
}

export type Example = ReadonlyMap<string, Feature>;

const NOTHING: Feature = { bytes: [], floats: [], ints: [] };
export const featureOf = (example: Example, name: string): Feature => example.get(name) ?? NOTHING;

/** More features than any tool writes. */
const MAX_FEATURES = 10_000;

/**
 * tf.train.Example (tensorflow/core/example/example.proto): features = 1 {map feature = 1 {key = 1, value = 2 {bytes_list = 1,
 * float_list = 2, int64_list = 3 {value = 1}}}}. Read field by field: no code is generated from a schema, and lists are
 * taken packed or not. TFRECORD_EXAMPLE where the bytes are none.
 */
export function readExample(data: Uint8Array, where: string): Example {
  const features = new Map<string, Feature>();
  try {
    const example = protobuf.Reader.create(data);
    eachField(example, example.len, 1, () => {
      eachField(example, endOf(example), 1, () => {
        const [name, feature] = readEntry(example, endOf(example));
        features.set(name, feature);
        if (features.size > MAX_FEATURES) throw new Error(`more than ${MAX_FEATURES} features`);
      });
    });
  } catch (error) {
    const seen = messageOf(error).slice(0, 200);
    throw inputError('TFRECORD_EXAMPLE', where, seen, 'a tf.train.Example', 'write the records again');
  }
  return features;
}

const LENGTH_DELIMITED = 2;
const FIXED_32 = 5;

/** The end of the message whose length comes next. */
function endOf(reader: protobuf.Reader): number {
  const end = reader.uint32() + reader.pos;
  if (end > reader.len) throw new Error('a length beyond the end');
  return end;
}

/** Calls `take` at each field of this number, and steps over the others. */
function eachField(reader: protobuf.Reader, end: number, wanted: number, take: (wireType: number) => void): void {
  while (reader.pos < end) {
    const tag = reader.uint32();
    const [field, wireType] = [tag >>> 3, tag & 7];
    if (field === 0) throw new Error('a field without a number');
    if (field === wanted) take(wireType);
    else reader.skipType(wireType);
  }
  if (reader.pos > end) throw new Error('a field beyond the end of its message');
}

function readEntry(reader: protobuf.Reader, end: number): [string, Feature] {
  let name = '';
  let feature = NOTHING;
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag >>> 3 === 1) name = reader.string();
    else if (tag >>> 3 === 2) feature = readFeature(reader, endOf(reader));
    else reader.skipType(tag & 7);
  }
  return [name, feature];
}

function readFeature(reader: protobuf.Reader, end: number): Feature {
  const bytes: Uint8Array[] = [];
  const floats: number[] = [];
  const ints: number[] = [];
  while (reader.pos < end) {
    const tag = reader.uint32();
    const kind = tag >>> 3;
    if (kind < 1 || kind > 3 || (tag & 7) !== LENGTH_DELIMITED) {
      reader.skipType(tag & 7);
      continue;
    }
    eachField(reader, endOf(reader), 1, (wireType) => {
      if (kind === 1) bytes.push(reader.bytes());
      else if (kind === 2) values(reader, wireType, wireType !== FIXED_32, () => floats.push(reader.float()));
      else values(reader, wireType, wireType === LENGTH_DELIMITED, () => ints.push(Number(reader.int64())));
    });
  }
  return { bytes, floats, ints };
}

/** Packed (proto3's way) or one by one. */
function values(reader: protobuf.Reader, wireType: number, packed: boolean, read: () => void): void {
  if (!packed) {
    read();
    return;
  }
  if (wireType !== LENGTH_DELIMITED) throw new Error(`wire type ${wireType} where numbers are`);
  const end = endOf(reader);
  while (reader.pos < end) read();
}
