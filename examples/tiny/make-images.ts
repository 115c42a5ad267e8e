/** Draws `images/<shape>/<n>.png`: circles, squares and triangles of any colour, size and place, 32×32; the same every time. */
import { existsSync } from 'node:fs';
import { mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { stream } from '../../core/rng.ts';

const PER_SHAPE = Number(process.argv[2] ?? 120);
const root = process.argv[3] ?? fileURLToPath(new URL('./images/', import.meta.url));

/** SVG of a shape around (x, y) with half-size r, in pixels. */
const shapes: Readonly<Record<string, (x: number, y: number, r: number) => string>> = {
  circle: (x, y, r) => `<circle cx="${x}" cy="${y}" r="${r}"/>`,
  square: (x, y, r) => `<rect x="${x - r}" y="${y - r}" width="${2 * r}" height="${2 * r}"/>`,
  triangle: (x, y, r) => `<polygon points="${x},${y - r} ${x + r},${y + r} ${x - r},${y + r}"/>`,
};

for (const [name, draw] of Object.entries(shapes)) {
  const folder = join(root, name);
  await mkdir(folder, { recursive: true });
  const random = stream(1, `example/${name}`);
  for (let i = 0; i < PER_SHAPE; i++) {
    const path = join(folder, `${String(i).padStart(4, '0')}.png`);
    if (existsSync(path)) continue;
    const [u = 0, v = 0, w = 0, hue = 0] = [0, 1, 2, 3].map((block) => random.uniform(0, i, block));
    const r = 6 + 5 * u;
    const place = (at: number): number => r + 1 + at * (30 - 2 * r);
    const fill = `fill="hsl(${Math.floor(360 * hue)},70%,60%)"`;
    const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="32" height="32"><rect width="32" height="32" fill="#222"/><g ${fill}>${draw(place(v), place(w), r)}</g></svg>`;
    await sharp(Buffer.from(svg)).removeAlpha().png().toFile(`${path}.tmp`);
    await rename(`${path}.tmp`, path);
  }
}
process.stderr.write(`${root}: ${3 * PER_SHAPE} shapes\n`);
