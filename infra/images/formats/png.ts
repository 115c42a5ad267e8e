import type { ImageLimits } from '../limits.ts';
import type { ImageProblem } from '../problem.ts';
import { corrupt, tooManyFrames, tooManyPixels, truncated } from '../problem.ts';

const SIGNATURE_BYTES = 8;
/** Length, type and CRC around a chunk's data. */
const CHUNK_FRAME_BYTES = 12;

interface Chunk {
  readonly type: string;
  readonly data: Buffer;
}

/**
 * Walks the chunks (PNG specification, third edition, §5 and §11; `acTL` of animated PNG): size, order, CRCs of what
 * the picture needs, palette. Damaged ancillary chunks (notes, times) are left to the decoder, which skips them.
 */
export function checkPng(bytes: Buffer, { maxPixels }: ImageLimits): ImageProblem | null {
  let palette: Buffer | null = null;
  let header: { readonly depth: number; readonly colour: number } | null = null;
  let data = false;
  for (let at = SIGNATURE_BYTES; ;) {
    const chunk = readChunk(bytes, at);
    if ('code' in chunk) return chunk;
    at += chunk.data.length + CHUNK_FRAME_BYTES;
    if (header === null) {
      if (chunk.type !== 'IHDR' || chunk.data.length !== 13)
        return corrupt('a PNG that does not begin with its header');
      const width = chunk.data.readUInt32BE(0);
      const height = chunk.data.readUInt32BE(4);
      if (width === 0 || height === 0) return corrupt(`a PNG of ${width}×${height} pixels`);
      if (width * height > maxPixels) return tooManyPixels(width, height, maxPixels);
      header = { depth: chunk.data.readUInt8(8), colour: chunk.data.readUInt8(9) };
    } else if (chunk.type === 'acTL') {
      const frames = chunk.data.length >= 4 ? chunk.data.readUInt32BE(0) : 0;
      if (frames > 1) return tooManyFrames(`an animated PNG of ${frames} frames`);
    } else if (chunk.type === 'PLTE') palette = chunk.data;
    else if (chunk.type === 'IDAT') data = true;
    else if (chunk.type === 'IEND') break;
  }
  if (!data) return corrupt('a PNG without picture data');
  return header.colour === 3 ? paletteProblem(palette, header.depth) : null;
}

function readChunk(bytes: Buffer, at: number): Chunk | ImageProblem {
  if (at + CHUNK_FRAME_BYTES > bytes.length) return truncated('the file ends before the end of the picture');
  const length = bytes.readUInt32BE(at);
  const type = bytes.toString('latin1', at + 4, at + 8);
  if (!/^[A-Za-z]{4}$/.test(type) || length > 0x7fffffff) return corrupt('a PNG chunk without a valid name or length');
  const end = at + 8 + length;
  if (end + 4 > bytes.length) return truncated(`the file ends within the ${type} chunk`);
  const needed = /^[A-Z]/.test(type) || type === 'tRNS';
  if (needed && crc32(bytes, at + 4, end) !== bytes.readUInt32BE(end)) {
    return corrupt(`a ${type} chunk whose CRC is wrong`);
  }
  return { type, data: bytes.subarray(at + 8, end) };
}

function paletteProblem(palette: Buffer | null, depth: number): ImageProblem | null {
  if (palette === null) return corrupt('a palette PNG without a palette');
  const colours = palette.length / 3;
  const valid = Number.isInteger(colours) && colours >= 1 && colours <= 2 ** Math.min(8, depth);
  return valid ? null : corrupt(`a palette of ${palette.length} bytes for ${depth} bits a pixel`);
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? 0xedb88320 ^ (crc >>> 1) : crc >>> 1;
  return crc;
});

/** CRC-32 of ISO 3309, as in PNG's annex D and in zip; `before` is that of the bytes before these. */
export function crc32(bytes: Uint8Array, start = 0, end = bytes.length, before = 0): number {
  let crc = before ^ 0xffffffff;
  for (let i = start; i < end; i++) crc = (CRC_TABLE[(crc ^ (bytes[i] ?? 0)) & 0xff] ?? 0) ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}
