import type { ImageLimits } from '../limits.ts';
import type { ImageProblem } from '../problem.ts';
import { corrupt, tooManyPixels, truncated } from '../problem.ts';

const EOI = 0xd9;
const SOS = 0xda;

/**
 * Walks the markers from the first to the end of the image (ITU-T T.81, annex B): size, and whether the file is whole.
 * What the entropy-coded data say, only decoding tells. Bytes behind the end (thumbnails, depth maps) are allowed.
 */
export function checkJpeg(bytes: Buffer, { maxPixels }: ImageLimits): ImageProblem | null {
  let framed = false;
  for (let at = nextMarker(bytes, 2); ;) {
    const marker = bytes[at];
    if (marker === undefined) return truncated('the file ends before the end of the picture');
    if (marker === EOI) return framed ? null : corrupt('a JPEG without a frame header');
    if (isAlone(marker)) {
      at = nextMarker(bytes, at + 1);
      continue;
    }
    if (at + 3 > bytes.length) return truncated('the file ends within a header');
    const length = bytes.readUInt16BE(at + 1);
    if (length < 2) return corrupt(`a JPEG segment of ${length} bytes`);
    if (at + 1 + length > bytes.length) return truncated('the file ends within a header');
    if (isFrameHeader(marker)) {
      const wrong = length < 8 ? corrupt('a short frame header') : checkFrame(bytes, at + 1, maxPixels);
      if (wrong !== null) return wrong;
      framed = true;
    }
    if (marker === SOS && !framed) return corrupt('a JPEG without a frame header');
    // Behind a scan's header come its data, in which only a real marker is a 0xff without a 0 after it.
    at = nextMarker(bytes, at + 1 + length);
  }
}

/** The index of the next marker's code; past the end where there is none. */
export function nextMarker(bytes: Buffer, start: number): number {
  for (let at = bytes.indexOf(0xff, start); at >= 0; at = bytes.indexOf(0xff, at + 1)) {
    const code = bytes[at + 1];
    // 0xff 0x00 is data, 0xff 0xff fill.
    if (code !== undefined && code !== 0 && code !== 0xff) return at + 1;
  }
  return bytes.length;
}

/** TEM, RST0 … RST7 and SOI have no segment behind them. */
export const isAlone = (marker: number): boolean => marker === 1 || (marker >= 0xd0 && marker <= 0xd8);

/** SOF0 … SOF15 without DHT (C4), JPG (C8) and DAC (CC), which share their range. */
export function isFrameHeader(marker: number): boolean {
  return marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
}

function checkFrame(bytes: Buffer, at: number, maxPixels: number): ImageProblem | null {
  const height = bytes.readUInt16BE(at + 3);
  const width = bytes.readUInt16BE(at + 5);
  if (width === 0 || height === 0) return corrupt(`a JPEG of ${width}×${height} pixels`);
  return width * height > maxPixels ? tooManyPixels(width, height, maxPixels) : null;
}
