import jpegTurbo from '@julusian/jpeg-turbo';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stream } from '../../core/rng.ts';
import { settings } from '../config.ts';
import type { ProcessorLevel } from '../config.ts';
import type { Resampling, Sampling } from '../images/resample/layout.ts';
import { loadResampler } from '../images/resample/native-resampler.ts';
import { Resampler } from '../images/resample/resampler.ts';
import type { Resampled } from '../images/resample/resampler.ts';
import { loadTurbo, turboLibrary } from '../images/turbo-jpeg.ts';
import { processorOf } from './processor.ts';
import { findResampler } from './resampler.ts';

let cacheDir = '';
beforeAll(() => {
  cacheDir = mkdtempSync(join(tmpdir(), 'graft-resampler-'));
});
afterAll(() => {
  rmSync(cacheDir, { recursive: true });
});

const find = (processor: ProcessorLevel | null, mayCompile: boolean): Promise<string | null> =>
  findResampler({ ...settings(), cacheDir, processor }, mayCompile);

/** From height × width to height × width: up, down, not at all, beside whole registers, and by the largest factor. */
const SIZES: readonly (readonly [number, number, number, number])[] = [
  [1, 1, 1, 1],
  [2, 3, 7, 9],
  [13, 11, 13, 11],
  [40, 30, 17, 23],
  [31, 57, 64, 16],
  [33, 65, 65, 33],
  [9, 70, 8, 8],
  [430, 430, 224, 224],
  [224, 224, 299, 331],
  [512, 1024, 32, 64],
];

function shapeOf([h, w, toH, toW]: (typeof SIZES)[number], channels: 1 | 3): Resampling {
  const [height, width] = [
    { fromPx: h, toPx: toH, factor: h / toH },
    { fromPx: w, toPx: toW, factor: w / toW },
  ];
  return { height, width, channels };
}

/** Full swings in one half of them, any value in the other. */
function noise(length: number): Uint8Array {
  const random = stream(1, 'test/noise');
  return Uint8Array.from({ length }, (_, i) => {
    const value = random.words(0, i)[0] & 0xff;
    return i % 128 < 64 ? value : value < 128 ? 0 : 255;
  });
}

function rowsOf(resampler: Resampler, shape: Resampling, source: Uint8Array): number[] {
  resampler.source(shape).set(source);
  return rowsIn(resampler.resample(shape), shape);
}

function rowsIn({ pixels, rowBytes }: Resampled, { height, width, channels }: Resampling): number[] {
  return Array.from({ length: height.toPx }, (_, row) => [
    ...pixels.subarray(row * rowBytes, row * rowBytes + width.toPx * channels),
  ]).flat();
}

const { compressSync, SAMP_420, SAMP_422, SAMP_440, SAMP_444, FORMAT_RGB } = jpegTurbo;
const SAMPLINGS: readonly (readonly [string, number, Sampling])[] = [
  ['4:4:4', SAMP_444, { across: 1, down: 1 }],
  ['4:2:2', SAMP_422, { across: 2, down: 1 }],
  ['4:4:0', SAMP_440, { across: 1, down: 2 }],
  ['4:2:0', SAMP_420, { across: 2, down: 2 }],
];

/** Of colours that leave the cube of RGB when they come back. */
function jpegOf(height: number, width: number, subsampling: number): Buffer {
  const pixels = Buffer.from(noise(height * width * 3));
  return compressSync(pixels, { width, height, subsampling, format: FORMAT_RGB, quality: 90 });
}

/** The long way: libjpeg-turbo's own pixels through WebAssembly. */
function rowsOfPixels(file: Buffer, shape: Resampling): number[] {
  const { height, width } = shape;
  const pixels = new Uint8Array(height.fromPx * width.fromPx * 3);
  const jpeg = { width: width.fromPx, height: height.fromPx, channels: 3, sampling: null } as const;
  expect(loadTurbo()?.(file, jpeg, pixels)).toBe(true);
  return rowsOf(new Resampler(), shape, pixels);
}

// Both levels have code of their own, and this machine may have the instructions of both.
const levels = (['x86-64-v3', 'x86-64-v4'] as const).filter((level) => processorOf(level) === level);

describe.runIf(levels.length > 0)('the native resampler', () => {
  it.each(levels)('gives the bits of WebAssembly on %s, whatever came before', async (level) => {
    const path = await find(level, true);
    const native = loadResampler(path ?? '');
    expect(native?.rows).toBe(level === 'x86-64-v4' ? 32 : 16);
    const used = { native: new Resampler(native), plain: new Resampler() };
    for (const channels of [1, 3] as const) {
      for (const size of SIZES) {
        const shape = shapeOf(size, channels);
        const source = noise(size[0] * size[1] * channels);
        expect(rowsOf(used.native, shape, source), `${size.join()} × ${channels}`).toEqual(
          rowsOf(used.plain, shape, source),
        );
      }
    }
  });

  it.each(levels.flatMap((level) => SAMPLINGS.map((sampling) => [level, ...sampling] as const)))(
    'gives a JPEG’s planes the bits of its pixels on %s: %s',
    async (level, _, subsampling, sampling) => {
      const native = loadResampler((await find(level, true)) ?? '', turboLibrary());
      expect(native?.takesJpegs).toBe(true);
      const used = new Resampler(native);
      for (const size of SIZES) {
        const shape = shapeOf(size, 3);
        const file = jpegOf(size[0], size[1], subsampling);
        const found = used.resampleJpeg(file, shape, sampling);
        const isNarrow = sampling.across === 2 && size[1] < 5;
        if (isNarrow) expect(found, size.join()).toBeNull();
        else if (found === null) throw new Error(`nothing for ${size.join()}`);
        else expect(rowsIn(found, shape), size.join()).toEqual(rowsOfPixels(file, shape));
      }
    },
  );

  it('is compiled once, and only where that is allowed', async () => {
    const [level = null] = levels;
    const path = await find(level, true);
    expect(await find(level, false)).toBe(path);
    const empty = { ...settings(), cacheDir: join(cacheDir, 'empty') };
    expect(await findResampler(empty, false)).toBeNull();
    expect(await findResampler({ ...empty, searchPath: [] }, true)).toBeNull();
  });

  it('that can’t be loaded is none', () => {
    expect(loadResampler(join(cacheDir, 'none.node'))).toBeNull();
    expect(loadResampler(import.meta.filename)).toBeNull();
  });
});
