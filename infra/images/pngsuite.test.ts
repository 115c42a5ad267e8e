import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inflateSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PictureDecoder, configureSharp } from './decode.ts';
import { defaultLimits } from './limits.ts';
import { loadTurbo } from './turbo-jpeg.ts';

/**
 * PngSuite (Willem van Schaik; "Permission to use, copy, and distribute these images for any purpose and without fee is
 * hereby granted"), as Go's distribution has it: every depth and colour type, interlacing, transparency. What each file
 * shows is Pillow's word (test/golden/pngsuite/make_expected.py).
 */
const folder = fileURLToPath(new URL('../../test/golden/pngsuite/', import.meta.url));
const names = readdirSync(folder).filter((name) => name.endsWith('.png'));
type Shown = Record<string, { width: number; height: number; rgb: string }>;
const expected = JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8')) as Shown;

const scratch = mkdtempSync(join(tmpdir(), 'graft-pngsuite-'));
beforeAll(configureSharp);
afterAll(() => rmSync(scratch, { recursive: true }));
const decoder = new PictureDecoder({ limits: defaultLimits, turbo: loadTurbo() });

describe('PngSuite', () => {
  it('is there whole', () => {
    expect(names).toHaveLength(35);
    expect(Object.keys(expected)).toEqual(names);
  });

  it.each(names)('%s shows what it shows elsewhere', async (name) => {
    const { width, height, rgb } = expected[name]!;
    const path = join(folder, name);
    const seen = await decoder.inspect(path);
    expect(seen).toMatchObject({ ok: true, value: { width, height, format: 'png' } });
    const rendered = await decoder.render(path, { heightPx: height, widthPx: width, channels: 3, resize: 'stretch' });
    if (!rendered.ok) throw new Error(rendered.problem.code);
    const wanted = inflateSync(Buffer.from(rgb, 'base64'));
    expect(rendered.value.length).toBe(wanted.length);
    // A level more or less where transparency is laid over black.
    const worst = wanted.reduce((most, value, i) => Math.max(most, Math.abs(value - (rendered.value[i] ?? 0))), 0);
    expect(worst).toBeLessThanOrEqual(1);
  });

  it('is found out in every file that is cut, or has one bit of its data turned', async () => {
    for (const name of names) {
      const bytes = readFileSync(join(folder, name));
      const cut = join(scratch, `cut-${name}`);
      writeFileSync(cut, bytes.subarray(0, Math.floor(0.7 * bytes.length)));
      expect([name, (await decoder.inspect(cut)).ok]).toEqual([name, false]);
      const turned = join(scratch, `turned-${name}`);
      const at = bytes.indexOf('IDAT') + 6;
      bytes[at] = (bytes[at] ?? 0) ^ 0x10;
      writeFileSync(turned, bytes);
      const seen = await decoder.inspect(turned);
      expect([name, seen.ok ? 'accepted' : seen.problem.code]).toEqual([name, 'IMAGE_CORRUPT']);
    }
  });
});
