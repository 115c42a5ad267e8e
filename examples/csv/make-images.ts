/**
 * Draws `images/patterns/sheet<n>_<k>.<jpeg|png|webp>` and lists them in `images/labels.csv`: stripes, checks and rings of
 * any scale and angle; the same every time. Files that are there already stay untouched.
 */
import { existsSync } from 'node:fs';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { stream } from '../../core/rng.ts';

const SHEETS = Number(process.argv[2] ?? 60);
const PER_SHEET = 6;
const root = fileURLToPath(new URL('./images/', import.meta.url));
const formats = ['jpeg', 'png', 'webp'] as const;

/** Brightness in 0–1 at (u, v), in periods of the pattern. */
const patterns: Readonly<Record<string, (u: number, v: number) => number>> = {
  checks: (u, v) => 0.5 + 0.5 * Math.sin(u) * Math.sin(v),
  rings: (u, v) => 0.5 + 0.5 * Math.sin(Math.hypot(u, v)),
  stripes: (u) => 0.5 + 0.5 * Math.sin(u),
};

function draw(label: string, width: number, height: number, draws: readonly number[]): Uint8Array {
  const [angle = 0, scale = 0, red = 0, green = 0, blue = 0] = draws;
  const pattern = patterns[label] ?? (() => 0);
  const [cos, sin] = [Math.cos(Math.PI * angle), Math.sin(Math.PI * angle)];
  const period = (4 + 5 * scale) / (2 * Math.PI);
  const pixels = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [dx, dy] = [(x - width / 2) / period, (y - height / 2) / period];
      const bright = pattern(dx * cos + dy * sin, dy * cos - dx * sin);
      pixels.set(
        [red, green, blue].map((tint) => Math.round(255 * bright * (0.4 + 0.6 * tint))),
        3 * (y * width + x),
      );
    }
  }
  return pixels;
}

await mkdir(join(root, 'patterns'), { recursive: true });
const rows = ['path,label,sheet'];
for (let sheet = 0; sheet < SHEETS; sheet++) {
  const label = Object.keys(patterns).sort()[sheet % 3] ?? '';
  const random = stream(1, `example/patterns/${sheet}`);
  for (let k = 0; k < PER_SHEET; k++) {
    const name = `sheet${sheet}_${k}.${formats[k % 3] ?? 'png'}`;
    rows.push(`patterns/${name},${label},${sheet}`);
    const path = join(root, 'patterns', name);
    if (existsSync(path)) continue;
    const [width, height] = [48 + 4 * (k % 4), 40 + 6 * (k % 3)];
    const draws = Array.from({ length: 5 }, (_, block) => random.uniform(0, k, block));
    const picture = sharp(draw(label, width, height, draws), { raw: { width, height, channels: 3 } });
    // Every third picture is gray.
    const toned = k === 2 ? picture.toColourspace('b-w') : picture;
    await toned.toFormat(formats[k % 3] ?? 'png').toFile(`${path}.tmp`);
    await rename(`${path}.tmp`, path);
  }
}
const list = join(root, 'labels.csv');
if (!existsSync(list)) await writeFile(list, `${rows.join('\n')}\n`);
process.stderr.write(`${root}: ${SHEETS * PER_SHEET} patterns\n`);
