import type { ImageLimits } from '../limits.ts';
import type { ImageProblem } from '../problem.ts';
import { corrupt, tooManyPixels, truncated } from '../problem.ts';

const SOS = 0xda;
const EOI = 0xd9;

/**
 * Walks the segments up to the frame header (ITU-T T.81, annex B) for the picture's size. Whether the entropy-coded data
 * are whole, only decoding tells.
 */
export function checkJpeg(bytes: Buffer, { maxPixels }: ImageLimits): ImageProblem | null {
  let at = 2;
  for (;;) {
    const found = bytes.indexOf(0xff, at);
    // Fill bytes: any number of 0xff may come before a marker's code.
    let code = found + 1;
    while (bytes[code] === 0xff) code++;
    const marker = bytes[code];
    if (found < 0 || marker === undefined) return truncated('the file ends before the picture begins');
    at = code + 1;
    if (marker === 0 || marker === 1 || (marker >= 0xd0 && marker <= 0xd8)) continue;
    if (marker === SOS || marker === EOI) return corrupt('a JPEG without a frame header');
    if (at + 2 > bytes.length) return truncated('the file ends within a header');
    const length = bytes.readUInt16BE(at);
    if (length < 2) return corrupt(`a JPEG segment of ${length} bytes`);
    if (at + length > bytes.length) return truncated('the file ends within a header');
    if (isFrameHeader(marker)) return length < 8 ? corrupt('a short frame header') : checkFrame(bytes, at, maxPixels);
    at += length;
  }
}

/** SOF0 … SOF15 without DHT (C4), JPG (C8) and DAC (CC), which share their range. */
function isFrameHeader(marker: number): boolean {
  return marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
}

function checkFrame(bytes: Buffer, at: number, maxPixels: number): ImageProblem | null {
  const height = bytes.readUInt16BE(at + 3);
  const width = bytes.readUInt16BE(at + 5);
  if (width === 0 || height === 0) return corrupt(`a JPEG of ${width}×${height} pixels`);
  return width * height > maxPixels ? tooManyPixels(width, height, maxPixels) : null;
}
