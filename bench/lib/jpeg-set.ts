import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';

/** A small generator of 32 bits (mulberry32): the set is the same on every machine. */
function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const SHAPES = 25;
const GRAIN = 15;

/** Something like a photograph: soft light, discs with edges, and grain. */
function pixelsOf(seed: number, sidePx: number): Buffer {
  const random = randomOf(seed);
  const light = [0, 1, 2].map(() => ({ x: 40 + 60 * random(), y: 30 + 60 * random(), phase: 6 * random() }));
  const discs = Array.from({ length: SHAPES }, () => ({
    x: random() * sidePx,
    y: random() * sidePx,
    radius: 10 + 60 * random(),
    colour: [255 * random(), 255 * random(), 255 * random()],
  }));
  const pixels = Buffer.alloc(sidePx * sidePx * 3);
  for (let y = 0, at = 0; y < sidePx; y++) {
    for (let x = 0; x < sidePx; x++) {
      const disc = discs.findLast((d) => (d.x - x) ** 2 + (d.y - y) ** 2 < d.radius ** 2);
      const grain = (random() + random() + random() - 1.5) * GRAIN;
      light.forEach((wave, c) => {
        const lit = 128 + 60 * Math.sin(x / wave.x + wave.phase) + 60 * Math.cos(y / wave.y + c * wave.phase);
        pixels[at++] = Math.max(0, Math.min(255, (disc?.colour[c] ?? lit) + grain));
      });
    }
  }
  return pixels;
}

/** Writes `count` JPEGs of quality 90 (4:2:0) into `folder`; their paths, in order of their names. */
export async function writeJpegs(folder: string, count: number, sidePx: number): Promise<string[]> {
  await mkdir(folder, { recursive: true });
  const paths: string[] = [];
  for (let i = 0; i < count; i++) {
    const path = join(folder, `${String(i).padStart(5, '0')}.jpg`);
    const raw = { width: sidePx, height: sidePx, channels: 3 } as const;
    await writeFile(path, await sharp(pixelsOf(i, sidePx), { raw }).jpeg({ quality: 90 }).toBuffer());
    paths.push(path);
  }
  return paths;
}
