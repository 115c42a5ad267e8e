import jpegTurbo from '@julusian/jpeg-turbo';
import fc from 'fast-check';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stream } from '../../core/rng.ts';
import { picture } from '../../test/fakes/image-fixtures.ts';
import { settings } from '../config.ts';
import type { ProcessorLevel } from '../config.ts';
import { PictureDecoder, configureSharp } from '../images/decode.ts';
import { defaultLimits } from '../images/limits.ts';
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

async function find(processor: ProcessorLevel | null, mayCompile: boolean): Promise<string> {
  const found = await findResampler({ ...settings(), cacheDir, processor }, mayCompile);
  if (found.kind === 'none') throw new Error(found.why);
  return found.path;
}

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
interface Subsampling {
  readonly name: string;
  readonly code: number;
  readonly sampling: Sampling;
}
const SUBSAMPLINGS: readonly Subsampling[] = [
  { name: '4:4:4', code: SAMP_444, sampling: { across: 1, down: 1 } },
  { name: '4:2:2', code: SAMP_422, sampling: { across: 2, down: 1 } },
  { name: '4:4:0', code: SAMP_440, sampling: { across: 1, down: 2 } },
  { name: '4:2:0', code: SAMP_420, sampling: { across: 2, down: 2 } },
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
    const native = loadResampler(await find(level, true));
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

  it.each(levels.flatMap((level) => SUBSAMPLINGS.map((one) => ({ level, ...one }))))(
    'gives a JPEG’s planes the bits of its pixels on $level: $name',
    async ({ level, code, sampling }) => {
      const native = loadResampler(await find(level, true), turboLibrary());
      expect(native?.takesJpegs).toBe(true);
      const used = new Resampler(native);
      const compare = (shape: Resampling): void => {
        const { height, width } = shape;
        const file = jpegOf(height.fromPx, width.fromPx, code);
        const found = used.resampleJpeg(file, shape, sampling);
        const isNarrow = sampling.across === 2 && width.fromPx < 5;
        const rows = found === null ? null : rowsIn(found, shape);
        expect(rows, `${height.fromPx} × ${width.fromPx}`).toEqual(isNarrow ? null : rowsOfPixels(file, shape));
      };
      for (const size of SIZES) compare(shapeOf(size, 3));
      const axis = fc
        .record({ fromPx: fc.integer({ min: 1, max: 150 }), share: fc.double({ min: 0.1, max: 1, noNaN: true }) })
        .chain(({ fromPx, share }) =>
          fc.integer({ min: Math.ceil((share * fromPx) / 16), max: 80 }).map((toPx) => {
            return { fromPx, toPx, factor: (share * fromPx) / toPx };
          }),
        );
      fc.assert(
        fc.property(axis, axis, (height, width) => compare({ height, width, channels: 3 })),
        { numRuns: 60, seed: 1 },
      );
    },
  );

  it.each(levels)('and what else is decoded or refused stays the same on %s', async (level) => {
    configureSharp();
    const options = { limits: defaultLimits, turbo: loadTurbo() };
    const native = loadResampler(await find(level, true), turboLibrary());
    const [byPlanes, byPixels] = [new PictureDecoder({ ...options, resampler: native }), new PictureDecoder(options)];
    const same = async (file: Buffer, name: string): Promise<boolean> => {
      const path = join(cacheDir, 'picture.jpg');
      writeFileSync(path, file);
      const seen = [];
      for (const resize of ['stretch', 'pad', 'crop'] as const) {
        for (const channels of [1, 3] as const) {
          const spec = { heightPx: 21, widthPx: 34, channels, resize };
          const [a, b] = [await byPlanes.render(path, spec), await byPixels.render(path, spec)];
          seen.push(a.ok);
          expect(a.ok ? [...a.value] : a, `${name} ${resize}`).toEqual(b.ok ? [...b.value] : b);
        }
      }
      return seen.every(Boolean);
    };
    for (const { name, code } of SUBSAMPLINGS) {
      const whole = jpegOf(48, 64, code);
      const tables = whole.indexOf(Buffer.from([0xff, 0xdb]));
      const frame = whole.indexOf(Buffer.from([0xff, 0xc0]));
      const parts = (...all: Buffer[]): Buffer => Buffer.concat(all);
      const damaged = {
        cut: parts(whole.subarray(0, whole.length / 2), whole.subarray(-2)),
        'bytes before a marker': parts(whole.subarray(0, tables), Buffer.alloc(5, 1), whole.subarray(tables)),
        // Of the quantisation: whoever came before must not lend them.
        'no tables': parts(whole.subarray(0, tables), whole.subarray(frame)),
      };
      for (const [how, file] of Object.entries(damaged)) {
        expect([name, how, await same(file, `${name}, ${how}`)]).toEqual([name, how, false]);
        expect(await same(whole, `${name} behind ${how}`)).toBe(true);
      }
    }
  });

  it('refuses what libjpeg-turbo has no pixels of, and nothing else', async () => {
    const native = loadResampler(await find(levels[0] ?? null, true), turboLibrary());
    const used = new Resampler(native);
    const shape = shapeOf([48, 64, 20, 20], 3);
    const jpeg = { height: 48, width: 64, channels: 3, sampling: null } as const;
    const outcomes = new Set<boolean>();
    const damage = fc.record({
      subsampling: fc.constantFrom(...SUBSAMPLINGS),
      // Whatever may be wrong with tables and codes; what is before them says the picture's size.
      changes: fc.array(fc.tuple(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), fc.nat(255)), {
        maxLength: 4,
      }),
    });
    fc.assert(
      fc.property(damage, ({ subsampling: { code, sampling }, changes }) => {
        const file = jpegOf(48, 64, code);
        const head = file.indexOf(Buffer.from([0xff, 0xda]));
        for (const [share, value] of changes) file[head + Math.floor(share * (file.length - head))] = value;
        const found = used.resampleJpeg(file, shape, sampling);
        const pixels = new Uint8Array(48 * 64 * 3);
        const isWhole = loadTurbo()?.(file, jpeg, pixels) ?? false;
        outcomes.add(isWhole);
        expect(found === null ? null : rowsIn(found, shape)).toEqual(
          isWhole ? rowsOf(new Resampler(), shape, pixels) : null,
        );
      }),
      { numRuns: 300, seed: 1 },
    );
    expect(outcomes.size).toBe(2);
  });

  it('takes no JPEG that is not what its numbers say', async () => {
    const native = loadResampler(await find(levels[0] ?? null, true), turboLibrary());
    const resampler = new Resampler(native);
    const file = jpegOf(48, 64, SAMP_420);
    const sampling = { across: 2, down: 2 } as const;
    const shape = shapeOf([48, 64, 20, 20], 3);
    expect(resampler.resampleJpeg(file, shape, sampling)).not.toBeNull();
    expect(resampler.resampleJpeg(file, shape, { across: 2, down: 1 })).toBeNull();
    expect(resampler.resampleJpeg(file, shapeOf([47, 64, 20, 20], 3), sampling)).toBeNull();
    expect(resampler.resampleJpeg(file, shapeOf([48, 66, 20, 20], 3), sampling)).toBeNull();
    expect(resampler.resampleJpeg(file, shapeOf([48, 64, 20, 20], 1), sampling)).toBeNull();
    const gray = await picture(64, 48).toColourspace('b-w').jpeg().toBuffer();
    expect(resampler.resampleJpeg(gray, shape, sampling)).toBeNull();
  });

  it('is compiled once, and only where that is allowed', async () => {
    const [level = null] = levels;
    const path = await find(level, true);
    expect(await find(level, false)).toBe(path);
    const empty = { ...settings(), cacheDir: join(cacheDir, 'empty') };
    expect(await findResampler(empty, false)).toMatchObject({ kind: 'none', mend: 'graft doctor --fix' });
    const none = await findResampler({ ...empty, searchPath: [] }, true);
    expect(none).toMatchObject({
      kind: 'none',
      why: 'no C++ compiler on PATH; without, pictures are resized in twice the time',
    });
  });

  it('that can’t be loaded is none', () => {
    expect(loadResampler(join(cacheDir, 'none.node'))).toBeNull();
    expect(loadResampler(import.meta.filename)).toBeNull();
  });
});
