import { crc32c } from '@node-rs/crc32';
import type { GraftError } from '../../../core/errors.ts';
import { inputError } from '../../../core/errors.ts';
import { ByteReader } from '../torch/byte-reader.ts';

/** Ends a table (tensorflow/core/lib/io/format.h: kTableMagicNumber). */
const MAGIC = 0xdb4775248b80fb57n;
const FOOTER_BYTES = 48;
/** Behind each block: its compression and a masked CRC-32C. */
const TRAILER_BYTES = 5;
const MAX_ENTRIES = 200_000;
const MAX_KEY_BYTES = 4096;

/** TensorFlow's and LevelDB's mask of a checksum (tensorflow/core/lib/hash/crc32c.h). */
export function maskedCrc32c(bytes: Uint8Array): number {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

interface BlockHandle {
  readonly offset: number;
  readonly sizeBytes: number;
}

/**
 * The entries of a table of strings, in order: LevelDB's format, uncompressed, in which TensorFlow writes the index of a
 * checkpoint (tensorflow/core/lib/io/table_format.txt). Every block's checksum is verified. Throws MODEL_FORMAT.
 */
export function readTable(bytes: Uint8Array, where: string): Map<string, Uint8Array> {
  if (bytes.length < FOOTER_BYTES) throw malformed(where, `${bytes.length} bytes`, 'a whole .index file');
  const footer = new ByteReader(bytes.subarray(bytes.length - FOOTER_BYTES), where);
  handle(footer);
  const index = handle(footer);
  const view = new DataView(bytes.buffer, bytes.byteOffset + bytes.length - 8, 8);
  if (view.getBigUint64(0, true) !== MAGIC) throw malformed(where, 'no magic number', 'the index of a checkpoint');
  const entries = new Map<string, Uint8Array>();
  for (const [, place] of block(bytes, index, where)) {
    for (const [key, value] of block(bytes, handle(new ByteReader(place, where)), where)) {
      if (entries.size >= MAX_ENTRIES) throw malformed(where, `over ${MAX_ENTRIES} entries`, 'a checkpoint');
      entries.set(key, value);
    }
  }
  return entries;
}

/** Keys share a prefix with the one before; the offsets of restarts behind them are not needed. */
function block(bytes: Uint8Array, { offset, sizeBytes }: BlockHandle, where: string): [string, Uint8Array][] {
  const end = offset + sizeBytes + TRAILER_BYTES;
  if (!(end <= bytes.length)) throw malformed(where, `a block to byte ${end}`, `${bytes.length} bytes`);
  const body = bytes.subarray(offset, offset + sizeBytes);
  const trailer = new ByteReader(bytes.subarray(offset, end), where, sizeBytes);
  if (trailer.u8() !== 0) throw malformed(where, 'a compressed block', 'an index as TensorFlow writes it');
  if (trailer.u32() !== maskedCrc32c(bytes.subarray(offset, offset + sizeBytes + 1))) {
    throw malformed(where, `a checksum at byte ${offset} that is wrong`, 'whole blocks');
  }
  const restarts = new ByteReader(body, where, Math.max(0, sizeBytes - 4)).u32();
  const entriesEnd = sizeBytes - 4 - 4 * restarts;
  if (entriesEnd < 0) throw malformed(where, `${restarts} restarts in ${sizeBytes} bytes`, 'a block');
  const reader = new ByteReader(body.subarray(0, entriesEnd), where);
  const entries: [string, Uint8Array][] = [];
  let key = new Uint8Array();
  while (reader.left > 0) {
    const [shared, own, valueBytes] = [varint(reader), varint(reader), varint(reader)];
    if (shared > key.length || shared + own > MAX_KEY_BYTES) throw malformed(where, 'a key that is too long', 'a key');
    const joined = new Uint8Array(shared + own);
    joined.set(key.subarray(0, shared));
    joined.set(reader.slice(own), shared);
    key = joined;
    entries.push([Buffer.from(key).toString('utf8'), reader.slice(valueBytes)]);
  }
  return entries;
}

function handle(reader: ByteReader): BlockHandle {
  return { offset: varint(reader), sizeBytes: varint(reader) };
}

/** Seven bits a byte, the lowest first; MODEL_FORMAT beyond 2^53. */
export function varint(reader: ByteReader): number {
  let value = 0;
  for (let shift = 0; shift < 56; shift += 7) {
    const byte = reader.u8();
    value += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80 && Number.isSafeInteger(value)) return value;
  }
  throw reader.error('a number beyond 2^53', 'a size');
}

const malformed = (where: string, seen: string, expected: string): GraftError =>
  inputError('MODEL_FORMAT', where, seen, expected, 'download the checkpoint again');
