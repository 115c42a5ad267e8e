import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expandPaths } from './pictures.ts';

describe('expandPaths', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'graft-pictures-'));
    mkdirSync(join(folder, 'b', 'deep'), { recursive: true });
    mkdirSync(join(folder, 'empty'));
    for (const name of ['z.png', 'a.png', 'b/deep/c.jpg', 'notes.txt', '.hidden.png'])
      writeFileSync(join(folder, name), '');
  });
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  it('keeps the order given; a folder is sorted, without notes and hidden files', async () => {
    const found = await expandPaths([join(folder, 'z.png'), folder, join(folder, 'notes.txt')]);
    expect(found.map((path) => path.slice(folder.length + 1))).toEqual([
      'z.png',
      'a.png',
      'b/deep/c.jpg',
      'z.png',
      'notes.txt',
    ]);
  });

  it('refuses what is not there and what is empty', async () => {
    await expect(expandPaths([join(folder, 'no.png')])).rejects.toThrowError(/^INPUT_MISSING: .*no\.png — not there/);
    await expect(expandPaths([join(folder, 'empty')])).rejects.toThrowError(/^INPUT_EMPTY: .*empty — no pictures/);
  });
});
