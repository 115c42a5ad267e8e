import { crc32c } from '@node-rs/crc32';
import { inputError } from '../../core/errors.ts';

/**
 * TFRecord (tensorflow/core/lib/io/record_writer.h): uint64 length, masked CRC32C of those eight bytes, data, masked
 * CRC32C of the data; all little-endian.
 */
const HEADER_BYTES = 12;
const FOOTER_BYTES = 4;

/** A record longer than this is taken for damage: its length would be asked of memory before its bytes are seen. */
export const MAX_RECORD_BYTES = 256 * 2 ** 20;

/** Rotated and moved, so that the checksum of data that holds checksums is sound (tensorflow/core/lib/hash/crc32c.h). */
export function maskedCrc32c(bytes: Uint8Array): number {
  const crc = crc32c(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)) >>> 0;
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

/** The bytes of one record. */
export function frameRecord(data: Uint8Array): Buffer {
  const framed = Buffer.alloc(HEADER_BYTES + data.byteLength + FOOTER_BYTES);
  framed.writeBigUInt64LE(BigInt(data.byteLength), 0);
  framed.writeUInt32LE(maskedCrc32c(framed.subarray(0, 8)), 8);
  framed.set(data, HEADER_BYTES);
  framed.writeUInt32LE(maskedCrc32c(data), HEADER_BYTES + data.byteLength);
  return framed;
}

/**
 * The records of a stream of bytes, one at a time; memory holds one record and one piece of the stream.
 * Throws TFRECORD_CORRUPT (a checksum does not fit), TFRECORD_TRUNCATED (the end lies within a record) and
 * TFRECORD_SIZE (a record of more than `MAX_RECORD_BYTES`), all `input`. `where` names the file.
 */
export async function* readRecords(
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  where: string,
): AsyncGenerator<Buffer> {
  let held = Buffer.alloc(0);
  let offset = 0;
  for await (const piece of source) {
    held = held.byteLength === 0 ? Buffer.from(piece) : Buffer.concat([held, piece]);
    for (let record = firstRecord(held, where, offset); record !== null; record = firstRecord(held, where, offset)) {
      yield record.data;
      held = held.subarray(record.sizeBytes);
      offset += record.sizeBytes;
    }
  }
  if (held.byteLength === 0) return;
  const seen = `${held.byteLength} bytes of a record at the end`;
  throw inputError('TFRECORD_TRUNCATED', `${where}, byte ${offset}`, seen, 'whole records', 'copy the file again');
}

/** The record that `bytes` begin with; null while they do not hold all of it. */
function firstRecord(
  bytes: Buffer,
  where: string,
  offset: number,
): { readonly data: Buffer; readonly sizeBytes: number } | null {
  if (bytes.byteLength < HEADER_BYTES) return null;
  const at = `${where}, byte ${offset}`;
  if (maskedCrc32c(bytes.subarray(0, 8)) !== bytes.readUInt32LE(8)) throw corrupt(at, 'the checksum of a length');
  const length = bytes.readBigUInt64LE(0);
  if (length > BigInt(MAX_RECORD_BYTES)) {
    throw inputError('TFRECORD_SIZE', at, `a record of ${length} bytes`, `at most ${MAX_RECORD_BYTES}`);
  }
  const sizeBytes = HEADER_BYTES + Number(length) + FOOTER_BYTES;
  if (bytes.byteLength < sizeBytes) return null;
  const data = bytes.subarray(HEADER_BYTES, sizeBytes - FOOTER_BYTES);
  if (maskedCrc32c(data) !== bytes.readUInt32LE(sizeBytes - FOOTER_BYTES))
    throw corrupt(at, 'the checksum of a record');
  return { data, sizeBytes };
}

function corrupt(where: string, what: string) {
  return inputError('TFRECORD_CORRUPT', where, `${what} does not fit`, 'a whole TFRecord file', 'copy the file again');
}
