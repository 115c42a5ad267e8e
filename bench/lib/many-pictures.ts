import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { deflateSync } from 'node:zlib';
import { stream } from '../../core/rng.ts';
import { PNG_SIGNATURE, pngChunk } from '../../test/fakes/image-fixtures.ts';

const SIDE_PX = 32;
const BLOCK_PX = 4;
const CLASSES = 10;
const AT_ONCE = 64;

/** A PNG of 32×32 coloured blocks that no other number gives. */
function blocks(number: number): Buffer {
  const draws = stream(number, 'blocks');
  const across = SIDE_PX / BLOCK_PX;
  const colours = Uint8Array.from({ length: across * across * 3 }, (_, i) => draws.words(0, i)[0] & 0xff);
  const rows = Buffer.alloc(SIDE_PX * (1 + SIDE_PX * 3));
  for (let y = 0, at = 0; y < SIDE_PX; y++) {
    at++;
    for (let x = 0; x < SIDE_PX; x++) {
      const block = Math.floor(y / BLOCK_PX) * across + Math.floor(x / BLOCK_PX);
      for (let c = 0; c < 3; c++) rows[at++] = colours[3 * block + c] ?? 0;
    }
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(SIDE_PX, 0);
  header.writeUInt32BE(SIDE_PX, 4);
  header.set([8, 2], 8);
  const data = pngChunk('IDAT', deflateSync(rows, { level: 1 }));
  return Buffer.concat([PNG_SIGNATURE, pngChunk('IHDR', header), data, pngChunk('IEND', new Uint8Array())]);
}

/** Writes `count` pictures into ten class folders below `root`; every `badEvery`-th is cut short. How many those are. */
export async function writeManyPictures(root: string, count: number, badEvery: number): Promise<number> {
  for (let label = 0; label < CLASSES; label++) await mkdir(join(root, `class ${label}`), { recursive: true });
  let bad = 0;
  const writeOne = async (number: number): Promise<void> => {
    const picture = blocks(number);
    const isBad = number % badEvery === badEvery - 1;
    if (isBad) bad++;
    const path = join(root, `class ${number % CLASSES}`, `${String(number).padStart(7, '0')}.png`);
    await writeFile(path, isBad ? picture.subarray(0, picture.length - 20) : picture);
  };
  for (let start = 0; start < count; start += AT_ONCE) {
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, count - start) }, (_, i) => writeOne(start + i)));
  }
  return bad;
}
