import { crc32 } from '../../images/formats/png.ts';

/** The same chunks; throws at the end where their CRC-32 is another (yauzl compares sizes alone). */
export async function* crc32Check(
  body: AsyncIterable<unknown>,
  expected: number,
  name: string,
): AsyncGenerator<Uint8Array> {
  let found = 0;
  for await (const chunk of body) {
    if (!(chunk instanceof Uint8Array)) throw new Error('an archive of something other than bytes');
    found = crc32(chunk, 0, chunk.length, found);
    yield chunk;
  }
  if (found !== expected >>> 0) throw new Error(`${name} has another CRC than the archive says`);
}
