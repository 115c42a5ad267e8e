import { isAlone, isFrameHeader, nextMarker } from './jpeg.ts';

/** A JPEG that any decoder takes for the same pixels, but for the last bit. */
export interface PlainJpeg {
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3;
  /** Pixels across and down for each sample of Cb and Cr; null where that is anything but one or two for both alike. */
  readonly sampling: { readonly across: 1 | 2; readonly down: 1 | 2 } | null;
}

const SOS = 0xda;
const APP1 = 0xe1;
const APP14 = 0xee;
const ORIENTATION = 0x0112;
const UPRIGHT = 1;

/**
 * What a JPEG that checkJpeg found whole is, when it is gray or YCbCr of 8 bits, baseline or progressive, Huffman-coded
 * and stored upright; null of anything else (CMYK, RGB, turned, arithmetic, 12 bits), and in doubt.
 */
export function plainJpeg(bytes: Buffer): PlainJpeg | null {
  let found: PlainJpeg | null = null;
  for (let at = nextMarker(bytes, 2); at + 3 <= bytes.length;) {
    const marker = bytes[at] ?? 0;
    if (marker === SOS) return found;
    if (isAlone(marker)) {
      at = nextMarker(bytes, at + 1);
      continue;
    }
    const segment = bytes.subarray(at + 3, at + 1 + bytes.readUInt16BE(at + 1));
    if (marker === APP1 && !isUpright(segment)) return null;
    if (marker === APP14 && !isYcc(segment)) return null;
    if (isFrameHeader(marker)) {
      found = found === null ? plainFrame(marker, segment) : null;
      if (found === null) return null;
    }
    at = nextMarker(bytes, at + 3 + segment.length);
  }
  return null;
}

/** SOF0, SOF1 and SOF2: sequential and progressive Huffman. */
function plainFrame(marker: number, frame: Buffer): PlainJpeg | null {
  const [precision, count] = [frame[0], frame[5]];
  if (marker > 0xc2 || precision !== 8 || (count !== 1 && count !== 3) || frame.length < 6 + 3 * count) return null;
  const ids = [6, 9, 12].map((at) => String.fromCharCode(frame[at] ?? 0)).join('');
  if (count === 3 && ids.toUpperCase() === 'RGB') return null;
  return {
    height: frame.readUInt16BE(1),
    width: frame.readUInt16BE(3),
    channels: count,
    sampling: count === 3 ? samplingOf(frame) : null,
  };
}

/** Of the components' sampling factors, half a byte each: those of Y are pixels for a sample, where Cb and Cr have 1 × 1. */
function samplingOf(frame: Buffer): PlainJpeg['sampling'] {
  const [luma = 0, cb, cr] = [frame[7], frame[10], frame[13]];
  const [across, down] = [luma >> 4, luma & 15];
  if (cb !== 0x11 || cr !== 0x11) return null;
  return (across === 1 || across === 2) && (down === 1 || down === 2) ? { across, down } : null;
}

/** Adobe's marker ends with the colour transform: 0 says RGB or CMYK, 2 YCCK. */
function isYcc(segment: Buffer): boolean {
  return segment.toString('latin1', 0, 5) !== 'Adobe' || segment[11] === 1;
}

/** Whether an Exif segment says so, or nothing; other segments say nothing. */
function isUpright(segment: Buffer): boolean {
  if (segment.toString('latin1', 0, 4) !== 'Exif') return true;
  const tiff = segment.subarray(6);
  if (tiff.length < 8) return false;
  const order = tiff.toString('latin1', 0, 2);
  if (order !== 'II' && order !== 'MM') return false;
  const u16 = (at: number): number => (order === 'II' ? tiff.readUInt16LE(at) : tiff.readUInt16BE(at));
  const directory = order === 'II' ? tiff.readUInt32LE(4) : tiff.readUInt32BE(4);
  if (directory + 2 > tiff.length) return false;
  const entries = u16(directory);
  if (directory + 2 + 12 * entries > tiff.length) return false;
  for (let at = directory + 2, i = 0; i < entries; i++, at += 12) {
    if (u16(at) === ORIENTATION && u16(at + 8) !== UPRIGHT) return false;
  }
  return true;
}
