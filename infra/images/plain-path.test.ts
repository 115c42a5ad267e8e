import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { picture } from '../../test/fakes/image-fixtures.ts';
import type { RenderSpec } from '../ports/image-decoder.ts';
import { PictureDecoder, configureSharp } from './decode.ts';
import { defaultLimits } from './limits.ts';
import type { TurboDecode } from './turbo-jpeg.ts';
import { jpegDecoderName, loadTurbo } from './turbo-jpeg.ts';

let folder: string;
let files = 0;
let decodedByTurbo = 0;
const turbo = loadTurbo();
const counted: TurboDecode = (...parameters) => {
  decodedByTurbo += 1;
  return turbo?.(...parameters) ?? false;
};
const plain = new PictureDecoder({ limits: defaultLimits, turbo: counted });
const sharpOnly = new PictureDecoder({ limits: defaultLimits, turbo: null });

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'graft-plain-'));
  configureSharp();
});
afterAll(() => rm(folder, { recursive: true }));

async function fileOf(bytes: Buffer): Promise<string> {
  const path = join(folder, `${files++}.jpg`);
  await writeFile(path, bytes);
  return path;
}

async function render(decoder: PictureDecoder, path: string, spec: RenderSpec): Promise<number[] | string> {
  const rendered = await decoder.render(path, spec);
  return rendered.ok ? [...rendered.value] : rendered.problem.code;
}

/** All but the look, which sees the last bits. */
async function judged(decoder: PictureDecoder, path: string) {
  const found = await decoder.inspect(path);
  return found.ok ? { ...found.value, look: '' } : found.problem;
}

/** libjpeg-turbo's quick inverse transform is off by less than one level on average. */
function expectClose(a: number[] | string, b: number[] | string): void {
  if (typeof a === 'string' || typeof b === 'string') throw new Error(`${String(a)}, ${String(b)}`);
  expect(a.length).toBe(b.length);
  const differences = a.map((value, i) => Math.abs(value - b[i]!));
  expect(differences.reduce((sum, d) => sum + d, 0) / a.length).toBeLessThan(1.2);
  expect(Math.max(...differences)).toBeLessThanOrEqual(10);
}

const kinds = {
  '4:2:0': (w: number, h: number) => picture(w, h).jpeg({ quality: 90 }),
  '4:4:4': (w: number, h: number) => picture(w, h).jpeg({ quality: 90, chromaSubsampling: '4:4:4' }),
  progressive: (w: number, h: number) => picture(w, h).jpeg({ quality: 90, progressive: true }),
  gray: (w: number, h: number) => picture(w, h).toColourspace('b-w').jpeg({ quality: 90 }),
};

describe('plain JPEGs', () => {
  it('are decoded by libjpeg-turbo on this system', () => {
    expect(jpegDecoderName()).toMatch(/^jpeg-turbo-\d/);
  });

  it.each(Object.entries(kinds))('look as sharp renders them: %s', async (_, made) => {
    for (const [width, height] of [
      [1, 1],
      [7, 5],
      [64, 48],
      [101, 67],
      [430, 323],
    ] as const) {
      const path = await fileOf(await made(width, height).toBuffer());
      for (const resize of ['stretch', 'pad', 'crop'] as const) {
        for (const channels of [1, 3] as const) {
          const spec = { heightPx: 32, widthPx: 41, channels, resize };
          const before = decodedByTurbo;
          expectClose(await render(plain, path, spec), await render(sharpOnly, path, spec));
          expect(decodedByTurbo).toBe(before + 1);
        }
      }
      expect(await judged(plain, path)).toEqual(await judged(sharpOnly, path));
    }
  });

  it('are judged as sharp judges them when they are damaged', async () => {
    const spec = { heightPx: 8, widthPx: 8, channels: 3, resize: 'stretch' } as const;
    for (const progressive of [false, true]) {
      const whole = await picture(200, 150).jpeg({ progressive }).toBuffer();
      const end = Buffer.from([0xff, 0xd9]);
      for (const share of [0.3, 0.5, 0.7]) {
        const cut = whole.subarray(0, Math.floor(whole.length * share));
        expect(await render(plain, await fileOf(cut), spec)).toBe('IMAGE_TRUNCATED');
        const path = await fileOf(Buffer.concat([cut, end]));
        expect(await render(plain, path, spec)).toBe('IMAGE_CORRUPT');
        expect(await judged(plain, path)).toEqual(await judged(sharpOnly, path));
      }
      for (let at = whole.length - 400; at < whole.length - 2; at += 13) {
        const path = await fileOf(Buffer.concat([whole.subarray(0, at), end]));
        expect(await judged(plain, path)).toEqual(await judged(sharpOnly, path));
      }
      const path = await fileOf(whole);
      expect(await render(plain, path, spec)).toHaveLength(8 * 8 * 3);
    }
  });

  it('find sharp’s pardon where it gives one', async () => {
    const whole = await picture().jpeg().toBuffer();
    const jfif = Buffer.from('ffe000104a46494600000000000100010000', 'hex');
    const odd = await fileOf(Buffer.concat([whole.subarray(0, 2), jfif, whole.subarray(2)]));
    expect(await plain.inspect(odd)).toMatchObject({ ok: true, value: { width: 64 } });
  });

  it('above four megapixels, and far smaller results, are libvips’ own', async () => {
    const large = await fileOf(await picture(2100, 2000).jpeg().toBuffer());
    const small = { heightPx: 20, widthPx: 20, channels: 3, resize: 'stretch' } as const;
    const before = decodedByTurbo;
    expect(await render(plain, large, { ...small, heightPx: 224, widthPx: 224 })).toHaveLength(224 * 224 * 3);
    const wide = await fileOf(await picture(400, 300).jpeg().toBuffer());
    expect(await render(plain, wide, small)).toHaveLength(1200);
    expect(decodedByTurbo).toBe(before);
  });
});
