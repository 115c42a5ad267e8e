import { describe, expect, it } from 'vitest';
import { picture } from '../../../test/fakes/image-fixtures.ts';
import { plainJpeg } from './plain-jpeg.ts';

const size = { width: 64, height: 48 };

describe('plainJpeg', () => {
  it('knows gray and YCbCr, baseline and progressive, whatever the sampling', async () => {
    const halved = { ...size, channels: 3, sampling: { across: 2, down: 2 } };
    expect(plainJpeg(await picture().jpeg().toBuffer())).toEqual(halved);
    expect(plainJpeg(await picture().jpeg({ progressive: true }).toBuffer())).toEqual(halved);
    expect(plainJpeg(await picture().jpeg({ chromaSubsampling: '4:4:4' }).toBuffer())).toEqual({
      ...size,
      channels: 3,
      sampling: { across: 1, down: 1 },
    });
    const gray = { ...size, channels: 1, sampling: null };
    expect(plainJpeg(await picture().toColourspace('b-w').jpeg().toBuffer())).toEqual(gray);
    expect(plainJpeg(await picture().jpeg().withMetadata({ orientation: 1 }).toBuffer())).not.toBeNull();
  });

  it('says nothing of samplings other than one or two', async () => {
    const whole = await picture().jpeg().toBuffer();
    const frame = whole.indexOf(Buffer.from([0xff, 0xc0]));
    const sampled = (luma: number, cb: number, cr: number) => {
      const copy = Buffer.from(whole);
      [luma, cb, cr].forEach((factors, component) => (copy[frame + 11 + 3 * component] = factors));
      return plainJpeg(copy)?.sampling;
    };
    expect(sampled(0x21, 0x11, 0x11)).toEqual({ across: 2, down: 1 });
    expect(sampled(0x12, 0x11, 0x11)).toEqual({ across: 1, down: 2 });
    expect([sampled(0x41, 0x11, 0x11), sampled(0x22, 0x21, 0x11), sampled(0x22, 0x22, 0x22)]).toEqual([
      null,
      null,
      null,
    ]);
  });

  it('leaves CMYK, turned pictures and a broken Exif segment to others', async () => {
    expect(plainJpeg(await picture().toColourspace('cmyk').jpeg().toBuffer())).toBeNull();
    for (const orientation of [2, 3, 6, 8]) {
      expect(plainJpeg(await picture().jpeg().withMetadata({ orientation }).toBuffer())).toBeNull();
    }
    const whole = await picture().jpeg().withMetadata({ orientation: 1 }).toBuffer();
    const at = whole.indexOf('Exif\0\0');
    for (const [offset, value] of [
      [6, 0x00],
      [10, 0xff],
      [14, 0xff],
    ] as const) {
      const broken = Buffer.from(whole);
      broken[at + offset] = value;
      expect(plainJpeg(broken)).toBeNull();
    }
  });

  it('leaves RGB, 12 bits and arithmetic coding to others', async () => {
    const whole = await picture().jpeg().toBuffer();
    const frame = whole.indexOf(Buffer.from([0xff, 0xc0]));
    const changed = (changes: Readonly<Record<number, number>>): Buffer => {
      const copy = Buffer.from(whole);
      for (const [offset, value] of Object.entries(changes)) copy[frame + Number(offset)] = value;
      return copy;
    };
    expect(plainJpeg(changed({}))).not.toBeNull();
    expect(plainJpeg(changed({ 1: 0xc9 }))).toBeNull();
    expect(plainJpeg(changed({ 4: 12 }))).toBeNull();
    expect(plainJpeg(changed({ 10: 0x52, 13: 0x47, 16: 0x42 }))).toBeNull();
    const adobe = (transform: number) =>
      Buffer.concat([
        whole.subarray(0, 2),
        Buffer.from([0xff, 0xee, 0, 14]),
        Buffer.from('Adobe'),
        Buffer.from([0, 100, 0, 0, 0, 0, transform]),
        whole.subarray(2),
      ]);
    expect(plainJpeg(adobe(1))).not.toBeNull();
    expect(plainJpeg(adobe(0))).toBeNull();
  });
});
