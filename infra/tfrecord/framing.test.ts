import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { frameRecord, maskedCrc32c, readRecords } from './framing.ts';

async function collect(pieces: readonly Uint8Array[]): Promise<Buffer[]> {
  const records: Buffer[] = [];
  for await (const record of readRecords(pieces, 'a.tfrecord')) records.push(Buffer.from(record));
  return records;
}

/** `bytes` cut at these places, which may coincide. */
function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const ends = [...places.map((place) => place % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  return ends.map((end, i) => bytes.subarray(ends[i - 1] ?? 0, end));
}

describe('TFRecord framing', () => {
  it('masks CRC32C as TensorFlow does', () => {
    // RFC 3720 B.4: 32 bytes of zeros have CRC32C 0x8a9136aa; rotated right by 15, plus 0xa282ead8.
    expect(maskedCrc32c(new Uint8Array(32))).toBe((((0x8a9136aa >>> 15) | (0x8a9136aa << 17)) + 0xa282ead8) >>> 0);
  });

  it('writes what TensorBoard’s own writer wrote, record by record', async () => {
    const file = readFileSync(new URL('../../test/golden/tensorboard/events.tfevents', import.meta.url));
    const records = await collect([file]);
    expect(records).toHaveLength(10);
    expect(Buffer.concat(records.map(frameRecord)).equals(file)).toBe(true);
  });

  it('reads what it wrote, however the stream is cut', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 5 }),
        fc.array(fc.nat(300), { maxLength: 6 }),
        async (records, places) => {
          const read = await collect(cut(Buffer.concat(records.map(frameRecord)), places));
          expect(read.map((record) => [...record])).toEqual(records.map((record) => [...record]));
        },
      ),
    );
  });

  it('says where a file is damaged or cut short', async () => {
    const file = Buffer.concat([frameRecord(Buffer.from('first')), frameRecord(Buffer.from('second'))]);
    for (let i = 0; i < file.length; i++) {
      const damaged = Buffer.from(file);
      damaged[i] = (damaged[i] ?? 0) ^ 1;
      await expect(collect([damaged])).rejects.toMatchObject({ code: 'TFRECORD_CORRUPT', kind: 'input' });
    }
    await expect(collect([file.subarray(0, 30)])).rejects.toMatchObject({
      code: 'TFRECORD_TRUNCATED',
      parts: { where: 'a.tfrecord, byte 21' },
    });
  });

  it('asks no memory for a length that can’t be', async () => {
    const header = Buffer.alloc(12);
    header.writeBigUInt64LE(1n << 40n, 0);
    header.writeUInt32LE(maskedCrc32c(header.subarray(0, 8)), 8);
    await expect(collect([header])).rejects.toMatchObject({ code: 'TFRECORD_SIZE' });
  });
});
