import type { ImageLimits } from '../limits.ts';
import type { ImageProblem } from '../problem.ts';
import { corrupt, tooManyFrames, tooManyPixels, truncated } from '../problem.ts';

const HEADER_BYTES = 13;
const END = truncated('the file ends before the end of the picture');

/** Walks the blocks (GIF89a specification, §17–27) and stops at the second frame, so a long animation costs nothing. */
export function checkGif(bytes: Buffer, { maxPixels }: ImageLimits): ImageProblem | null {
  if (bytes.length < HEADER_BYTES) return END;
  const screen = tooLarge(bytes.readUInt16LE(6), bytes.readUInt16LE(8), maxPixels);
  if (screen !== null) return screen;
  let at = HEADER_BYTES + colourTableBytes(bytes.readUInt8(10));
  for (let frames = 0; ;) {
    const block = bytes[at];
    if (block === undefined) return END;
    if (block === 0x3b) return frames === 0 ? corrupt('a GIF without a picture') : null;
    if (block === 0x21) at = skipSubBlocks(bytes, at + 2);
    else if (block === 0x2c) {
      if (at + 11 > bytes.length) return END;
      const frame = tooLarge(bytes.readUInt16LE(at + 5), bytes.readUInt16LE(at + 7), maxPixels);
      if (frame !== null) return frame;
      if (++frames > 1) return tooManyFrames('an animated GIF');
      at = skipSubBlocks(bytes, at + 11 + colourTableBytes(bytes.readUInt8(at + 9)));
    } else return corrupt(`a GIF block of unknown kind ${block}`);
    if (at > bytes.length) return END;
  }
}

function tooLarge(width: number, height: number, maxPixels: number): ImageProblem | null {
  return width * height > maxPixels ? tooManyPixels(width, height, maxPixels) : null;
}

const colourTableBytes = (flags: number): number => (flags & 0x80 ? 3 * 2 ** ((flags & 7) + 1) : 0);

/** Past the empty block that ends a run of sub-blocks; past the end of the file where it is missing. */
function skipSubBlocks(bytes: Buffer, start: number): number {
  let at = start;
  for (;;) {
    const size = bytes[at];
    if (size === undefined) return bytes.length + 1;
    at += 1 + size;
    if (size === 0) return at;
  }
}
