import { deflateSync } from 'node:zlib';
import sharp from 'sharp';
import { crc32 } from '../../infra/images/formats/png.ts';

/** A smooth coloured picture: three bytes a pixel that depend on the place and `seed` alone. */
export function pixelsOf(width: number, height: number, seed = 0): Buffer {
  const pixels = Buffer.alloc(width * height * 3);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = 3 * (y * width + x);
      pixels[at] = (x * 255) / width;
      pixels[at + 1] = (y * 255) / height;
      pixels[at + 2] = 128 + 100 * Math.sin((x + y + 31 * seed) / 7);
    }
  }
  return pixels;
}

export const picture = (width = 64, height = 48, seed = 0) =>
  sharp(pixelsOf(width, height, seed), { raw: { width, height, channels: 3 } });

/** One chunk of a PNG: length, type, data, CRC (or a wrong one). */
export function pngChunk(type: string, data: Uint8Array, badCrc = false): Buffer {
  const chunk = Buffer.alloc(12 + data.length);
  chunk.writeUInt32BE(data.length, 0);
  chunk.write(type, 4, 'latin1');
  chunk.set(data, 8);
  chunk.writeUInt32BE((crc32(chunk, 4, 8 + data.length) ^ (badCrc ? 1 : 0)) >>> 0, 8 + data.length);
  return chunk;
}

export const PNG_SIGNATURE = Buffer.from('89504e470d0a1a0a', 'hex');

export interface PngParts {
  readonly width: number;
  readonly height: number;
  readonly depth: number;
  /** 0 gray, 2 RGB, 3 palette, 4 gray with alpha, 6 RGBA. */
  readonly colour: number;
  /** Filter byte and samples of every row, not yet compressed. */
  readonly rows: Uint8Array;
  /** Chunks between the header and the data. */
  readonly before?: readonly Buffer[];
}

/** A PNG made by hand, so that it can be as wrong as a test wants. */
export function png({ width, height, depth, colour, rows, before = [] }: PngParts): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header[8] = depth;
  header[9] = colour;
  return Buffer.concat([
    PNG_SIGNATURE,
    pngChunk('IHDR', header),
    ...before,
    pngChunk('IDAT', deflateSync(rows)),
    pngChunk('IEND', new Uint8Array()),
  ]);
}

/** A GIF of one-pixel frames: header, colour table, `frames` images, trailer. */
export function gif(frames: number): Buffer {
  const head = Buffer.from('474946383961010001008000000000 00ffffff'.replaceAll(' ', ''), 'hex');
  const frame = Buffer.from('2c00000000010001000002024401 00'.replaceAll(' ', ''), 'hex');
  return Buffer.concat([head, ...Array.from({ length: frames }, () => frame), Buffer.from([0x3b])]);
}
