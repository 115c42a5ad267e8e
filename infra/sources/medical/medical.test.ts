import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile, mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { windowed } from '../../../core/dataset/window.ts';
import { entriesOf, openSource } from '../../../test/lib/read-source.ts';
import { readDicom } from './dicom.ts';
import { readGray16 } from './png16.ts';

const golden = (name: string): string =>
  fileURLToPath(new URL(`../../../test/golden/sources/${name}`, import.meta.url));
const shown = (
  JSON.parse(readFileSync(golden('expected.json'), 'utf8')) as { dicom: { path: string; pixels: number[] }[] }
).dicom;

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'graft-medical-'));
});
afterEach(() => rm(dir, { recursive: true }));

async function pixelsOf(path: string): Promise<number[]> {
  expect((await sharp(path).metadata()).channels).toBe(1);
  return [...(await sharp(path).toColourspace('b-w').raw().toBuffer())];
}

describe('DICOM', () => {
  it('is shown as pydicom shows it: slope, window, MONOCHROME1, implicit and explicit', async () => {
    const source = await openSource(golden('dicom'), 'auto');
    const entries = await entriesOf(source);
    expect(entries.map(({ path, label }) => [path, label])).toEqual(
      shown.map(({ path }) => [path, path.split('/')[0]]),
    );
    for (const [i, entry] of entries.entries()) {
      const pixels = await pixelsOf(await source.fetch(entry, dir));
      const far = pixels.map((pixel, at) => Math.abs(pixel - (shown[i]?.pixels[at] ?? Number.NaN)));
      // A half may be rounded either way.
      expect([entry.path, Math.max(...far) <= 1, pixels.length]).toEqual([entry.path, true, 48]);
      expect(Math.max(...pixels) - Math.min(...pixels)).toBeGreaterThan(200);
    }
  });

  it('takes the window that it is asked for, which makes other items of it', async () => {
    const window = { center: 0, width: 100 };
    const [plain] = await entriesOf(await openSource(golden('dicom'), 'auto'));
    const source = await openSource(golden('dicom'), 'auto', { window });
    const [entry] = await entriesOf(source);
    expect(entry?.tag).toBe(`${plain?.tag} window 0/100`);
    const bytes = readFileSync(golden('dicom/ct/a.dcm'));
    const asked = readDicom(bytes, 'x', window);
    expect(asked.kind === 'pixels' && [...asked.data]).toEqual(await pixelsOf(await source.fetch(entry!, dir)));
    expect(asked).not.toEqual(readDicom(bytes, 'x', null));
  });

  it('is judged before its pixels are touched', () => {
    const bytes = readFileSync(golden('dicom/xray/c.dcm'));
    const changed = (tag: number[], value: number): Buffer => {
      const copy = Buffer.from(bytes);
      copy.writeUInt16LE(value, copy.indexOf(Buffer.from(tag)) + 8);
      return copy;
    };
    const [rows, columns] = [
      [0x28, 0, 0x10, 0],
      [0x28, 0, 0x11, 0],
    ];
    expect(() => readDicom(changed(rows, 0), 'x', null)).toThrow('DICOM_CORRUPT');
    expect(() => readDicom(changed(columns, 60_000), 'x', null)).toThrow('IMAGE_TRUNCATED');
    const huge = changed(columns, 60_000);
    huge.writeUInt16LE(60_000, huge.indexOf(Buffer.from(rows)) + 8);
    expect(() => readDicom(huge, 'x', null)).toThrow('IMAGE_PIXELS');
    expect(() => readDicom(bytes.subarray(0, bytes.length - 10), 'x', null)).toThrow(/IMAGE_TRUNCATED|DICOM_CORRUPT/);
    const syntax = Buffer.from(
      bytes.toString('latin1').replace('1.2.840.10008.1.2.1\0', '1.2.840.10008.1.2.5\0'),
      'latin1',
    );
    expect(() => readDicom(syntax, 'x', null)).toThrow('DICOM_SYNTAX');
  });
});

describe('the window', () => {
  it('is the formula of DICOM', () => {
    // PS3.3 C.11.2.1.2.1, its own examples: centre 2048 and width 4096 show 0 … 4095.
    expect(windowed(0, { center: 2048, width: 4096 })).toBe(0);
    expect(windowed(4095, { center: 2048, width: 4096 })).toBe(255);
    expect(windowed(2047.5, { center: 2048, width: 4096 })).toBeCloseTo(127.5, 10);
    // Width 1 is a threshold.
    expect([windowed(99, { center: 100, width: 1 }), windowed(100, { center: 100, width: 1 })]).toEqual([0, 255]);
  });
});

describe('16-bit gray PNG', () => {
  it('stays as it is without a window, and is shown by it with one', async () => {
    const plain = await openSource(golden('png16'), 'auto');
    const [entry] = await entriesOf(plain);
    expect(await plain.fetch(entry!, dir)).toBe(golden(`png16/${entry?.path}`));
    const window = { center: 32_000, width: 4096 };
    const source = await openSource(golden('png16'), 'auto', { window });
    const [high] = await entriesOf(source);
    const values = readGray16(readFileSync(golden('png16/high/b.png')))?.values ?? [];
    const wanted = [...values].map((value) => Math.round(windowed(value, window)));
    expect(await pixelsOf(await source.fetch(high!, dir))).toEqual(wanted);
    expect(Math.max(...wanted) - Math.min(...wanted)).toBeGreaterThan(100);
  });

  it('has its filters undone as libpng does', async () => {
    const [width, height] = [37, 23];
    const values = Uint16Array.from({ length: width * height }, (_, i) => (i * 7919 + (i % width) ** 3) % 65_536);
    for (const adaptiveFiltering of [false, true]) {
      const picture = sharp(values, { raw: { width, height, channels: 1 } });
      const bytes = await picture.toColourspace('grey16').png({ adaptiveFiltering }).toBuffer();
      expect([...(readGray16(bytes)?.values ?? [])]).toEqual([...values]);
    }
    await mkdir(join(dir, 'a'));
    await writeFile(join(dir, 'a', 'x.png'), 'x');
    expect(readGray16(Buffer.from('x'))).toBeNull();
  });
});
