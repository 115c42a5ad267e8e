import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { gif, picture, pixelsOf, png, pngChunk } from '../../test/fakes/image-fixtures.ts';
import { checkBytes, sizeProblem } from './check-bytes.ts';
import { defaultLimits } from './limits.ts';

/** The code of what is wrong, or the format. */
function verdict(bytes: Buffer, extension: string): string {
  const checked = checkBytes(bytes, extension, defaultLimits);
  return checked.ok ? checked.format : checked.problem.code;
}

const gray = (width: number, height: number) =>
  png({ width, height, depth: 8, colour: 0, rows: Buffer.alloc(2 * Math.min(height, 4)) });

describe('checkBytes', () => {
  it('accepts each format under its name, under an unknown one and under none', async () => {
    const made = {
      jpg: await picture().jpeg().toBuffer(),
      png: await picture().png().toBuffer(),
      webp: await picture().webp().toBuffer(),
      gif: await picture().gif().toBuffer(),
      tiff: await picture().tiff().toBuffer(),
    };
    for (const [extension, bytes] of Object.entries(made)) {
      const format = extension === 'jpg' ? 'jpeg' : extension;
      for (const name of [extension, '', 'jpg_']) expect(verdict(bytes, name)).toBe(format);
    }
    expect(verdict(await picture().webp({ lossless: true }).toBuffer(), 'webp')).toBe('webp');
    expect(verdict(await picture().jpeg({ progressive: true }).toBuffer(), 'jpeg')).toBe('jpeg');
  });

  it.each([
    ['nothing', Buffer.alloc(0), 'jpg', 'IMAGE_EMPTY'],
    ['text', Buffer.from('not a picture at all\n'), 'jpg', 'IMAGE_TYPE_MISMATCH'],
    ['zeros', Buffer.alloc(64), 'png', 'IMAGE_TYPE_MISMATCH'],
    ['a GIF', gif(1), 'jpg', 'IMAGE_TYPE_MISMATCH'],
    ['text without a name', Buffer.from('hello'), '', 'IMAGE_TYPE_MISMATCH'],
    ['an SVG', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>'), 'svg', 'IMAGE_FORMAT_BLOCKED'],
    [
      'an SVG with a prolog, named .png',
      Buffer.from('\ufeff<?xml version="1.0"?>\n<!-- x -->\n<!DOCTYPE svg [<!ENTITY a "b">]>\n<svg>&a;</svg>'),
      'png',
      'IMAGE_FORMAT_BLOCKED',
    ],
    ['a PDF', Buffer.from('%PDF-1.7\n'), 'pdf', 'IMAGE_FORMAT_BLOCKED'],
    ['a HEIC named .jpg', Buffer.from('\0\0\0\x18ftypheic\0\0\0\0mif1heic'), 'jpg', 'IMAGE_FORMAT_BLOCKED'],
    ['an AVIF', Buffer.from('\0\0\0\x18ftypavif\0\0\0\0'), 'avif', 'IMAGE_FORMAT_BLOCKED'],
    ['a BMP', Buffer.from('BM\x10\0\0\0\0\0\0\0\x36\0\0\0'), 'bmp', 'IMAGE_FORMAT_BLOCKED'],
    ['a PNG of 50,000×50,000', gray(50_000, 50_000), 'png', 'IMAGE_PIXELS'],
    ['a PNG without pixels', gray(0, 5), 'png', 'IMAGE_CORRUPT'],
    ['a GIF of 10,000 frames', gif(10_000), 'gif', 'IMAGE_FRAMES'],
    ['a GIF cut short', gif(1).subarray(0, -1), 'gif', 'IMAGE_TRUNCATED'],
    ['a GIF cut in its data', gif(1).subarray(0, -4), 'gif', 'IMAGE_TRUNCATED'],
    ['a GIF without a picture', gif(0), 'gif', 'IMAGE_CORRUPT'],
  ])('judges %s', (_, bytes, extension, code) => {
    expect(verdict(bytes, extension)).toBe(code);
  });

  it('does not hang on a prolog made to be slow', () => {
    expect(verdict(Buffer.from(`<?xml ?>${'<?a ?><!--b-->'.repeat(100_000)}`), 'svg')).toBe('IMAGE_TYPE_MISMATCH');
  });

  it('judges sizes before anything is read', () => {
    expect(sizeProblem(0, defaultLimits)?.code).toBe('IMAGE_EMPTY');
    expect(sizeProblem(defaultLimits.maxBytes, defaultLimits)).toBeNull();
    expect(sizeProblem(defaultLimits.maxBytes + 1, defaultLimits)?.code).toBe('IMAGE_BYTES');
  });

  it('finds every cut of a PNG', async () => {
    const whole = await picture(8, 8).png().toBuffer();
    for (let length = 8; length < whole.length; length++) {
      expect(verdict(whole.subarray(0, length), 'png')).toBe('IMAGE_TRUNCATED');
    }
  });

  it('finds damaged and missing chunks of a PNG', () => {
    const rows = Buffer.from([0, 0]);
    const palette = (bytes: number) => [pngChunk('PLTE', Buffer.alloc(bytes))];
    const made = (before: readonly Buffer[]) => png({ width: 1, height: 1, depth: 1, colour: 3, rows, before });
    expect(verdict(made(palette(6)), 'png')).toBe('png');
    expect(verdict(made([]), 'png')).toBe('IMAGE_CORRUPT');
    expect(verdict(made(palette(5)), 'png')).toBe('IMAGE_CORRUPT');
    expect(verdict(made(palette(9)), 'png')).toBe('IMAGE_CORRUPT');
    expect(verdict(made([pngChunk('PLTE', Buffer.alloc(6), true)]), 'png')).toBe('IMAGE_CORRUPT');
    // Notes may be damaged: nothing of the picture hangs on them.
    expect(verdict(made([...palette(6), pngChunk('tEXt', Buffer.from('a'), true)]), 'png')).toBe('png');
  });

  it('finds an animated PNG and WebP', async () => {
    const frames = Buffer.alloc(8);
    frames.writeUInt32BE(3, 0);
    const rows = Buffer.from([0, 0]);
    const apng = png({ width: 1, height: 1, depth: 8, colour: 0, rows, before: [pngChunk('acTL', frames)] });
    expect(verdict(apng, 'png')).toBe('IMAGE_FRAMES');
    const pages = sharp(pixelsOf(16, 48), { raw: { width: 16, height: 48, channels: 3, pageHeight: 16 } });
    expect(verdict(await pages.webp({ loop: 0 }).toBuffer(), 'webp')).toBe('IMAGE_FRAMES');
  });

  it('finds every cut of a JPEG, progressive too, and a huge frame', async () => {
    for (const progressive of [false, true]) {
      const cut = await picture(16, 16).jpeg({ progressive }).toBuffer();
      for (let length = 3; length < cut.length; length++) {
        expect(verdict(cut.subarray(0, length), 'jpg')).toBe('IMAGE_TRUNCATED');
      }
      expect(verdict(Buffer.concat([cut, Buffer.from('trailer')]), 'jpg')).toBe('jpeg');
    }
    const whole = await picture().jpeg().toBuffer();
    const frame = whole.indexOf(Buffer.from([0xff, 0xc0]));
    const huge = Buffer.from(whole);
    huge.writeUInt16BE(60_000, frame + 5);
    huge.writeUInt16BE(60_000, frame + 7);
    expect(verdict(huge, 'jpg')).toBe('IMAGE_PIXELS');
  });

  it('finds a cut WebP', async () => {
    const whole = await picture().webp().toBuffer();
    expect(verdict(whole.subarray(0, whole.length - 10), 'webp')).toBe('IMAGE_TRUNCATED');
  });
});
