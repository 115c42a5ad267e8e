import type { ImageLimits } from '../limits.ts';
import type { ImageProblem } from '../problem.ts';
import { corrupt, tooManyFrames, tooManyPixels, truncated } from '../problem.ts';

const FIRST_CHUNK = 12;

/** Reads the RIFF container (RFC 9649, §2): whole, small enough, and one frame. */
export function checkWebp(bytes: Buffer, { maxPixels }: ImageLimits): ImageProblem | null {
  if (bytes.length < 30 || bytes.readUInt32LE(4) + 8 > bytes.length) {
    return truncated(`${bytes.length} bytes of a longer file`);
  }
  const size = sizeOf(bytes);
  if (size === null) return corrupt('a WebP without a picture header');
  if (size.width * size.height > maxPixels) return tooManyPixels(size.width, size.height, maxPixels);
  const frames = countFrames(bytes);
  return frames > 1 ? tooManyFrames('an animated WebP') : null;
}

function sizeOf(bytes: Buffer): { width: number; height: number } | null {
  switch (bytes.toString('latin1', FIRST_CHUNK, FIRST_CHUNK + 4)) {
    case 'VP8X':
      return { width: 1 + bytes.readUIntLE(24, 3), height: 1 + bytes.readUIntLE(27, 3) };
    case 'VP8L': {
      const bits = bytes.readUInt32LE(21);
      return bytes[20] === 0x2f ? { width: 1 + (bits & 0x3fff), height: 1 + ((bits >>> 14) & 0x3fff) } : null;
    }
    case 'VP8 ':
      if (bytes.readUIntBE(23, 3) !== 0x9d012a) return null;
      return { width: bytes.readUInt16LE(26) & 0x3fff, height: bytes.readUInt16LE(28) & 0x3fff };
    default:
      return null;
  }
}

/** Chunks named ANMF, up to the second. */
function countFrames(bytes: Buffer): number {
  let frames = 0;
  for (let at = FIRST_CHUNK; at + 8 <= bytes.length && frames < 2;) {
    if (bytes.toString('latin1', at, at + 4) === 'ANMF') frames++;
    const size = bytes.readUInt32LE(at + 4);
    at += 8 + size + (size % 2);
  }
  return frames;
}
