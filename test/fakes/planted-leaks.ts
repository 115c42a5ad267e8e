import sharp from 'sharp';
import type { Sharp } from 'sharp';
import { LOOK_BYTES, encodeLook, lookOf } from '../../core/dataset/look.ts';
import { nearPairs } from '../../core/dataset/near-duplicates.ts';
import type { NearPair } from '../../core/dataset/near-duplicates.ts';
import { leaks } from './varied-pictures.ts';

export interface Original {
  readonly picture: () => Sharp;
  readonly width: number;
  readonly height: number;
}

export async function lookBytes(picture: Sharp): Promise<Uint8Array> {
  const { data, info } = await picture.raw().toBuffer({ resolveWithObject: true });
  return encodeLook(lookOf({ data, ...info }));
}

export const rowsOf = (looks: readonly Uint8Array[]): Uint8Array => Uint8Array.from(Buffer.concat(looks));
export const pairsOf = (looks: Uint8Array): NearPair[] =>
  [...nearPairs(looks, () => false)].flatMap(({ pairs }) => pairs);

export interface Planted {
  readonly looks: Uint8Array;
  readonly planted: readonly { readonly a: number; readonly b: number; readonly way: string }[];
  readonly originals: number;
}

/** Copies of every `every`-th picture, each made in another way, behind the originals. */
export async function plant(originals: readonly Original[], ways: readonly string[], every = 3): Promise<Planted> {
  const looks: Uint8Array[] = [];
  for (const { picture } of originals) looks.push(await lookBytes(picture()));
  const planted: { a: number; b: number; way: string }[] = [];
  for (let a = 0; a < originals.length; a += every) {
    const original = originals[a];
    const way = ways[planted.length % ways.length] ?? '';
    const make = leaks[way];
    if (original === undefined || make === undefined) throw new Error(`no way ${way}`);
    const file = await make(original.picture(), original.width, original.height).toBuffer();
    planted.push({ a, b: looks.length, way });
    looks.push(await lookBytes(sharp(file)));
  }
  return { looks: rowsOf(looks), planted, originals: originals.length };
}

/** What is found of it, and what is found that nobody planted. Copies of one original are no false pair. */
export function judge({ looks, planted, originals }: Planted) {
  const source = (row: number): number => (row < originals ? row : (planted[row - originals]?.a ?? -1));
  const found = pairsOf(looks);
  const keys = new Set(found.map(({ a, b }) => `${a} ${b}`));
  const missed = planted.filter(({ a, b }) => !keys.has(`${a} ${b}`));
  const rows = looks.length / LOOK_BYTES;
  return {
    missed: missed.map(({ way }) => way),
    planted: planted.length,
    falsePairs: found.filter(({ a, b }) => source(a) !== source(b)).length,
    pairs: (rows * (rows - 1)) / 2,
  };
}
