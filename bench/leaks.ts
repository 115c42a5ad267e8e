/**
 * How much of a planted leak is found: real handwritten digits, and tiles of photographs (`--pictures FOLDER`, every JPEG,
 * PNG and WebP in it), a third of them a second time: re-encoded, resized, stretched, mirrored. Reported: found of planted
 * by the way a copy was made, and false pairs of all pairs.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import type { Sharp } from 'sharp';
import { judge, plant } from '../test/fakes/planted-leaks.ts';
import type { Original } from '../test/fakes/planted-leaks.ts';
import { leaks } from '../test/fakes/varied-pictures.ts';
import { asPicture, readDigits } from './lib/digits.ts';
import { benchOptions, say } from './lib/options.ts';
import { report } from './lib/report.ts';

const options = benchOptions('images', 'pictures');
const images = options.number('images', options.quick ? 600 : 6_000);
const folder = options.text('pictures');
const TILE = 96;
const raw = { raw: { width: TILE, height: TILE, channels: 3 } } as const;

const ways = Object.keys(leaks);
const sets: Record<string, readonly Original[]> = { digits: await digitsOf(images) };
if (folder !== null) sets['tiles of photographs'] = await tilesOf(folder);

const rows = [];
for (const [name, originals] of Object.entries(sets)) {
  say(`${name}: ${originals.length}`);
  const { missed, planted, falsePairs, pairs } = judge(await plant(originals, ways));
  for (const [i, way] of ways.entries()) {
    const made = Math.floor((planted - i + ways.length - 1) / ways.length);
    const found = made - missed.filter((each) => each === way).length;
    rows.push({ set: name, what: way, seen: `${found} of ${made}`, limit: '' });
  }
  const share = (100 * (planted - missed.length)) / planted;
  rows.push({ set: name, what: 'found of planted, %', seen: share.toFixed(1), limit: 'at least 95' });
  const wrong = `${((100 * falsePairs) / pairs).toFixed(4)} (${falsePairs} of ${pairs})`;
  rows.push({ set: name, what: 'false pairs, %', seen: wrong, limit: 'at most 0.1' });
}
report('planted copies that are found', rows);

async function digitsOf(count: number): Promise<Original[]> {
  const digits = await readDigits(0, Math.ceil(count / 10));
  return digits.map((digit) => ({ picture: () => asPicture(digit), width: 28, height: 28 }));
}

/** Squares side by side, none overlapping, so that each is a picture of its own; plain ones are left out. */
async function tilesOf(path: string): Promise<Original[]> {
  const tiles: Original[] = [];
  for (const name of (await readdir(path)).sort()) {
    if (!/\.(?:jpe?g|png|webp)$/i.test(name)) continue;
    const pixels = sharp(join(path, name)).removeAlpha().toColourspace('srgb').raw();
    const { data, info } = await pixels.toBuffer({ resolveWithObject: true });
    for (let top = 0; top + TILE <= info.height; top += TILE) {
      for (let left = 0; left + TILE <= info.width; left += TILE) {
        const picture = (): Sharp => sharp(cut(data, info.width, left, top), raw);
        const { channels } = await picture().stats();
        if (channels.some(({ stdev }) => stdev > 12)) tiles.push({ picture, width: TILE, height: TILE });
      }
    }
  }
  return tiles;
}

function cut(data: Uint8Array, width: number, left: number, top: number): Uint8Array {
  const tile = new Uint8Array(TILE * TILE * 3);
  for (let y = 0; y < TILE; y++) {
    const from = ((top + y) * width + left) * 3;
    tile.set(data.subarray(from, from + TILE * 3), y * TILE * 3);
  }
  return tile;
}
