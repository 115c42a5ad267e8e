import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { picture, pixelsOf, png, pngChunk } from '../../test/fakes/image-fixtures.ts';
import type { ImageInfo, RenderSpec } from '../ports/image-decoder.ts';
import { PictureDecoder, configureSharp } from './decode.ts';
import { defaultLimits } from './limits.ts';
import type { ImageLimits } from './limits.ts';
import { loadTurbo } from './turbo-jpeg.ts';

let folder: string;
let files = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'graft-images-'));
  configureSharp();
});
afterAll(() => rm(folder, { recursive: true }));

const decoder = new PictureDecoder({ limits: defaultLimits, turbo: loadTurbo() });
const inspectWith = (path: string, limits: ImageLimits) =>
  new PictureDecoder({ limits, turbo: loadTurbo() }).inspect(path);

async function fileOf(bytes: Buffer, name: string): Promise<string> {
  const path = join(folder, `${files++}-${name}`);
  await writeFile(path, bytes);
  return path;
}

async function inspect(bytes: Buffer, name: string): Promise<ImageInfo | string> {
  const seen = await inspectWith(await fileOf(bytes, name), defaultLimits);
  return seen.ok ? seen.value : seen.problem.code;
}

const spec: RenderSpec = { heightPx: 2, widthPx: 2, channels: 3, resize: 'stretch' };

async function render(bytes: Buffer, name: string, wanted: Partial<RenderSpec> = {}): Promise<number[] | string> {
  const rendered = await decoder.render(await fileOf(bytes, name), { ...spec, ...wanted });
  return rendered.ok ? [...rendered.value] : rendered.problem.code;
}

/** A picture of one colour. */
const flat = (background: { r: number; g: number; b: number; alpha?: number }, width = 2, height = 2) =>
  sharp({ create: { width, height, channels: background.alpha === undefined ? 3 : 4, background } });

const repeat = (pixel: readonly number[], times: number) => Array.from({ length: times }, () => pixel).flat();

describe('inspectImage', () => {
  it('says format, oriented size and channels', async () => {
    const photo = picture(64, 48);
    expect(await inspect(await photo.jpeg().toBuffer(), 'a.jpg')).toEqual({
      format: 'jpeg',
      width: 64,
      height: 48,
      channels: 3,
      look: expect.stringMatching(/^[A-Za-z0-9+/]{171}=$/),
    });
    const turned = await photo.jpeg().withMetadata({ orientation: 6 }).toBuffer();
    expect(await inspect(turned, 'b.jpg')).toMatchObject({ width: 48, height: 64 });
    const gray = await picture().toColourspace('b-w').png().toBuffer();
    expect(await inspect(gray, 'c.png')).toMatchObject({ format: 'png', channels: 1 });
    expect(await inspect(await flat({ r: 1, g: 2, b: 3, alpha: 0.5 }).png().toBuffer(), 'd.png')).toMatchObject({
      channels: 4,
    });
    const cmyk = await picture().toColourspace('cmyk').jpeg().toBuffer();
    expect(await inspect(cmyk, 'e.jpg')).toMatchObject({ channels: 3, width: 64 });
    expect(await inspect(await picture().tiff().toBuffer(), 'f.tif')).toMatchObject({ format: 'tiff', channels: 3 });
  });

  it('finds a cut anywhere in a JPEG, progressive too', async () => {
    for (const progressive of [false, true]) {
      const whole = await picture(200, 150).jpeg({ progressive }).toBuffer();
      expect(await inspect(whole, 'whole.jpg')).toMatchObject({ width: 200 });
      for (const share of [0.1, 0.3, 0.5, 0.7, 0.9]) {
        expect(await inspect(whole.subarray(0, Math.floor(whole.length * share)), 'cut.jpg')).toBe('IMAGE_TRUNCATED');
      }
      expect(await inspect(whole.subarray(0, whole.length - 2), 'no-end.jpg')).toBe('IMAGE_TRUNCATED');
      const cut = Buffer.concat([whole.subarray(0, whole.length / 2), Buffer.from([0xff, 0xd9])]);
      expect(await inspect(cut, 'end-mark-after-half.jpg')).toBe('IMAGE_CORRUPT');
    }
  });

  it('finds damage in a large picture, which is decoded in another way', async () => {
    const whole = await picture(2100, 2000).jpeg().toBuffer();
    expect(await inspect(whole, 'large.jpg')).toMatchObject({ width: 2100, height: 2000 });
    const cut = Buffer.concat([whole.subarray(0, whole.length * 0.9), Buffer.from([0xff, 0xd9])]);
    expect(await inspect(cut, 'cut.jpg')).toBe('IMAGE_CORRUPT');
    const rows = Buffer.alloc(2001 * 2100);
    expect(await inspect(png({ width: 2000, height: 2100, depth: 8, colour: 0, rows }), 'a.png')).toMatchObject({
      width: 2000,
    });
    const short = rows.subarray(0, rows.length - 4001);
    expect(await inspect(png({ width: 2000, height: 2100, depth: 8, colour: 0, rows: short }), 'b.png')).toBe(
      'IMAGE_CORRUPT',
    );
  });

  it('finds a damaged zlib stream and missing rows in a PNG', async () => {
    const rows = Buffer.alloc(40 * 41);
    const made = png({ width: 40, height: 40, depth: 8, colour: 0, rows });
    expect(await inspect(made, 'whole.png')).toMatchObject({ width: 40 });
    expect(
      await inspect(png({ width: 40, height: 40, depth: 8, colour: 0, rows: rows.subarray(0, 500) }), 'a.png'),
    ).toBe('IMAGE_CORRUPT');
    // Another byte in the stream, under a CRC that fits.
    const at = made.indexOf('IDAT');
    const length = made.readUInt32BE(at - 4);
    const data = Buffer.from(made.subarray(at + 4, at + 4 + length));
    data[2] = 0xff;
    const rest = made.subarray(at + 8 + length);
    const damaged = Buffer.concat([made.subarray(0, at - 4), pngChunk('IDAT', data), rest]);
    expect(await inspect(damaged, 'b.png')).toBe('IMAGE_CORRUPT');
  });

  it('refuses several pages and too many pixels in a TIFF', async () => {
    const page = await picture(8, 8).tiff().toBuffer();
    expect(await inspect(page.subarray(0, 40), 'cut.tif')).toBe('IMAGE_CORRUPT');
    const small = { ...defaultLimits, maxPixels: 63 };
    const seen = await inspectWith(await fileOf(page, 'many.tif'), small);
    expect(!seen.ok && seen.problem.code).toBe('IMAGE_PIXELS');
    const pages = Buffer.concat([pixelsOf(8, 8, 1), pixelsOf(8, 8, 2)]);
    const two = await sharp(pages, { raw: { width: 8, height: 16, channels: 3, pageHeight: 8 } })
      .tiff()
      .toBuffer();
    expect(await inspect(two, 'two.tif')).toBe('IMAGE_FRAMES');
  });

  it('forgives an odd JFIF revision, and only that', async () => {
    const whole = await picture().jpeg().toBuffer();
    const jfif = Buffer.from('ffe000104a46494600000000000100010000', 'hex');
    const odd = Buffer.concat([whole.subarray(0, 2), jfif, whole.subarray(2)]);
    expect(await inspect(odd, 'odd.jpg')).toMatchObject({ width: 64 });
    expect(await inspect(odd.subarray(0, odd.length - 30), 'odd-cut.jpg')).toBe('IMAGE_TRUNCATED');
  });

  it('says of a missing file that it is missing', async () => {
    const seen = await inspectWith(join(folder, 'none.jpg'), defaultLimits);
    expect(!seen.ok && seen.problem).toMatchObject({ code: 'IMAGE_UNREADABLE', seen: 'ENOENT' });
  });
});

describe('renderImage', () => {
  it('keeps 8-bit pixels of the right size as they are, whatever the format', async () => {
    const pixels = [...pixelsOf(16, 8)];
    const size = { heightPx: 8, widthPx: 16 };
    expect(await render(await picture(16, 8).png().toBuffer(), 'a.png', size)).toEqual(pixels);
    expect(await render(await picture(16, 8).webp({ lossless: true }).toBuffer(), 'a.webp', size)).toEqual(pixels);
    expect(await render(await picture(16, 8).tiff({ compression: 'none' }).toBuffer(), 'a.tif', size)).toEqual(pixels);
  });

  it('is the same from run to run', async () => {
    const photo = await picture(300, 200).jpeg().toBuffer();
    const size = { heightPx: 96, widthPx: 96 };
    expect(await render(photo, 'a.jpg', size)).toEqual(await render(photo, 'b.jpg', size));
  });

  it('repeats gray for RGB, and weighs RGB for gray by Rec. 601', async () => {
    const gray = png({ width: 2, height: 1, depth: 8, colour: 0, rows: Buffer.from([0, 10, 200]) });
    const row = { heightPx: 1, widthPx: 2 };
    expect(await render(gray, 'a.png', row)).toEqual([10, 10, 10, 200, 200, 200]);
    expect(await render(gray, 'a.png', { ...row, channels: 1 })).toEqual([10, 200]);
    const red = await flat({ r: 255, g: 0, b: 0 }).png().toBuffer();
    expect(await render(red, 'red.png', { channels: 1 })).toEqual([76, 76, 76, 76]);
  });

  it('takes the upper half of 16 bits', async () => {
    const rows = Buffer.from([0, 0x12, 0x34, 0xff, 0x00]);
    const gray = png({ width: 2, height: 1, depth: 16, colour: 0, rows });
    expect(await render(gray, 'gray16.png', { heightPx: 1, widthPx: 2, channels: 1 })).toEqual([0x12, 0xff]);
    const rgb = png({ width: 1, height: 1, depth: 16, colour: 2, rows: Buffer.from([0, 1, 255, 128, 0, 255, 254]) });
    expect(await render(rgb, 'rgb16.png', { heightPx: 1, widthPx: 1 })).toEqual([1, 128, 255]);
  });

  it('lays transparency over black', async () => {
    const half = png({ width: 1, height: 1, depth: 8, colour: 6, rows: Buffer.from([0, 200, 100, 50, 128]) });
    const one = { heightPx: 1, widthPx: 1 };
    expect(await render(half, 'half.png', one)).toEqual([100, 50, 25]);
    const hidden = png({ width: 1, height: 1, depth: 8, colour: 6, rows: Buffer.from([0, 200, 100, 50, 0]) });
    expect(await render(hidden, 'hidden.png', one)).toEqual([0, 0, 0]);
    const gray = png({ width: 1, height: 1, depth: 8, colour: 4, rows: Buffer.from([0, 200, 128]) });
    expect(await render(gray, 'gray.png', one)).toEqual([100, 100, 100]);
  });

  it('expands a palette, and its transparency', async () => {
    const before = [pngChunk('PLTE', Buffer.from([255, 0, 0, 0, 0, 255])), pngChunk('tRNS', Buffer.from([255, 0]))];
    const rows = Buffer.from([0, 0b01000000]);
    const palette = png({ width: 2, height: 1, depth: 1, colour: 3, rows, before });
    expect(await render(palette, 'p.png', { heightPx: 1, widthPx: 2 })).toEqual([255, 0, 0, 0, 0, 0]);
  });

  it('turns CMYK to RGB', async () => {
    const white = await flat({ r: 255, g: 255, b: 255 }, 16, 16).toColourspace('cmyk').jpeg().toBuffer();
    const pixels = await render(white, 'cmyk.jpg');
    expect(pixels).toHaveLength(12);
    for (const value of pixels) expect(value).toBeGreaterThan(240);
  });

  it('turns a picture upright by EXIF', async () => {
    // Orientation 6: the stored top is the right-hand side.
    const upright = { heightPx: 2, widthPx: 1, channels: 1 } as const;
    const rows = Buffer.from([0, 10, 200]);
    const stored = png({ width: 2, height: 1, depth: 8, colour: 0, rows });
    const turned = await sharp(stored).withMetadata({ orientation: 6 }).png().toBuffer();
    expect(await render(turned, 'turned.png', upright)).toEqual([10, 200]);
    const mirrored = await sharp(stored).withMetadata({ orientation: 2 }).png().toBuffer();
    expect(await render(mirrored, 'm.png', { heightPx: 1, widthPx: 2, channels: 1 })).toEqual([200, 10]);
  });

  it('centres a padded picture whose rows, rounded up to whole vectors, are as long as the frame’s', async () => {
    const white = await flat({ r: 255, g: 255, b: 255 }, 38, 40).png().toBuffer();
    const rendered = await render(white, 'white.png', { heightPx: 40, widthPx: 40, resize: 'pad' });
    expect(rendered.slice(0, 120)).toEqual([...repeat([0], 3), ...repeat([255], 114), ...repeat([0], 3)]);
  });

  it('stretches, pads with black and crops the centre to the exact size', async () => {
    const wide = png({
      width: 4,
      height: 2,
      depth: 8,
      colour: 0,
      rows: Buffer.from([...[0, 50, 100, 100, 50], ...[0, 50, 100, 100, 50]]),
    });
    const size = { heightPx: 4, widthPx: 4, channels: 1 } as const;
    const padded = await render(wide, 'wide.png', { ...size, resize: 'pad' });
    const row = [50, 100, 100, 50];
    expect(padded).toEqual([...repeat([0], 4), ...row, ...row, ...repeat([0], 4)]);
    expect(await render(wide, 'wide.png', { heightPx: 2, widthPx: 2, channels: 1, resize: 'crop' })).toEqual([
      ...[100, 100],
      ...[100, 100],
    ]);
    for (const resize of ['stretch', 'pad', 'crop'] as const) {
      for (const [heightPx, widthPx] of [
        [33, 17],
        [17, 33],
        [1, 50],
      ] as const) {
        const pixels = await render(await picture(101, 67).jpeg().toBuffer(), 'odd.jpg', { heightPx, widthPx, resize });
        expect(pixels).toHaveLength(heightPx * widthPx * 3);
      }
    }
  });

  it('keeps the aspect between two sides and fills up with black, large pictures too', async () => {
    const white = { r: 255, g: 255, b: 255 };
    const keepAspect = { minPx: 20, maxPx: 40 };
    const wanted = { heightPx: 40, widthPx: 40, channels: 1, resize: 'keep-aspect', keepAspect } as const;
    // The last is above four megapixels: libvips shrinks it. 30 × 20, 20 × 30 and 40 × 10 of 40 × 40.
    for (const [width, height, lit] of [
      [60, 40, 600],
      [40, 60, 600],
      [4200, 1050, 400],
    ] as const) {
      const pixels = await render(await flat(white, width, height).png().toBuffer(), 'white.png', wanted);
      expect(pixels).toHaveLength(1600);
      const rows = Array.from({ length: 40 }, (_, y) => pixels.slice(40 * y, 40 * y + 40));
      expect([...pixels].filter((value) => Number(value) > 200)).toHaveLength(lit);
      expect([...pixels].filter((value) => value === 0)).toHaveLength(1600 - lit);
      expect(rows[20]?.[20]).toBe(255);
    }
  });

  it('ignores embedded colour profiles', async () => {
    const plain = await flat({ r: 200, g: 100, b: 50 }).png().toBuffer();
    const profiled = await sharp(plain).withIccProfile('p3').png().toBuffer();
    const stored = await sharp(profiled, { ignoreIcc: true }).raw().toBuffer();
    expect(await render(profiled, 'p3.png')).toEqual([...stored]);
    expect([...stored]).not.toEqual(await render(plain, 'plain.png'));
  });

  it('refuses what inspectImage refuses', async () => {
    const whole = await picture(200, 150).jpeg().toBuffer();
    expect(await render(whole.subarray(0, whole.length / 2), 'cut.jpg')).toBe('IMAGE_TRUNCATED');
    expect(await render(Buffer.from('text'), 'text.jpg')).toBe('IMAGE_TYPE_MISMATCH');
  });
});
