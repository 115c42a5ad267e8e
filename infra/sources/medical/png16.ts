import { inflateSync } from 'node:zlib';
import { messageOf } from '../../../core/errors.ts';
import { defaultLimits } from '../../images/limits.ts';
import { checkPng } from '../../images/formats/png.ts';

export interface Gray16 {
  readonly width: number;
  readonly height: number;
  readonly values: Uint16Array;
}

/**
 * The stored values of a 16-bit gray PNG without interlacing; null for any other file, which is left to the picture
 * decoder and its judgement. Structure, CRCs and pixels are checked first, and no more is inflated than the size says.
 */
export function readGray16(bytes: Buffer): Gray16 | null {
  if (bytes.length < 33 || bytes.toString('latin1', 12, 16) !== 'IHDR') return null;
  const [width, height] = [bytes.readUInt32BE(16), bytes.readUInt32BE(20)];
  const plain = bytes[24] === 16 && bytes[25] === 0 && bytes[28] === 0;
  if (!plain || checkPng(bytes, defaultLimits) !== null) return null;
  const rowBytes = 2 * width;
  const packed: Buffer[] = [];
  for (let at = 8; at + 12 <= bytes.length; at += 12 + bytes.readUInt32BE(at)) {
    const length = bytes.readUInt32BE(at);
    if (bytes.toString('latin1', at + 4, at + 8) === 'IDAT') packed.push(bytes.subarray(at + 8, at + 8 + length));
  }
  try {
    const rows = inflateSync(Buffer.concat(packed), { maxOutputLength: height * (rowBytes + 1) });
    if (rows.length !== height * (rowBytes + 1)) return null;
    return { width, height, values: unfiltered(rows, rowBytes, height) };
  } catch (error) {
    if (/buffer|check|block|code|header|distance|length/i.test(messageOf(error))) return null;
    throw error;
  }
}

/** Undoes the filters of the rows (PNG 9.2), two bytes a pixel. */
function unfiltered(rows: Buffer, rowBytes: number, height: number): Uint16Array {
  const BPP = 2;
  let above = new Uint8Array(rowBytes);
  const values = new Uint16Array((rowBytes / 2) * height);
  for (let y = 0; y < height; y++) {
    const start = y * (rowBytes + 1);
    const filter = rows[start] ?? 0;
    const row = new Uint8Array(rowBytes);
    for (let i = 0; i < rowBytes; i++) {
      const left = i < BPP ? 0 : (row[i - BPP] ?? 0);
      const corner = i < BPP ? 0 : (above[i - BPP] ?? 0);
      row[i] = (rows[start + 1 + i] ?? 0) + predicted(filter, left, above[i] ?? 0, corner);
    }
    for (let x = 0; x < rowBytes / 2; x++)
      values[(y * rowBytes) / 2 + x] = ((row[2 * x] ?? 0) << 8) | (row[2 * x + 1] ?? 0);
    above = row;
  }
  return values;
}

function predicted(filter: number, left: number, up: number, corner: number): number {
  if (filter === 1) return left;
  if (filter === 2) return up;
  if (filter === 3) return (left + up) >> 1;
  return filter === 4 ? paeth(left, up, corner) : 0;
}

function paeth(left: number, up: number, corner: number): number {
  const guess = left + up - corner;
  const [a, b, c] = [Math.abs(guess - left), Math.abs(guess - up), Math.abs(guess - corner)];
  return a <= b && a <= c ? left : b <= c ? up : corner;
}
