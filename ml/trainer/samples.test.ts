import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LocalSide } from '../../contracts/ml-protocol.ts';
import { localSideOf } from '../../test/fakes/stage-fixtures.ts';
import { openSamples } from './samples.ts';

let dir = '';
let side: LocalSide;
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'graft-samples-'));
  const image = { heightPx: 4, widthPx: 3, channels: 3, resize: 'stretch' } as const;
  side = await localSideOf(dir, 'train', [5, 1, 7], { classes: 3, image });
});
afterAll(() => {
  rmSync(dir, { recursive: true });
});

describe('rows of a side', () => {
  it('are the same out of memory and from the disk, in the order asked for, over the borders of shards', async () => {
    const [small, large] = [await openSamples(side, 'images'), await openSamples(side, 'images', 0)];
    for (const indexes of [[0], [12, 0, 5, 6, 4, 5], [], Array.from({ length: 13 }, (_, i) => 12 - i)]) {
      const [a, b] = [await small.read(indexes), await large.read(indexes)];
      expect(a.length).toBe(indexes.length * 36);
      expect(a).toEqual(b);
    }
    const [first, second] = [await small.read([4]), await small.read([5])];
    expect(first).not.toEqual(second);
    await small.close();
    await large.close();
  });

  it('go into the memory that is given for them, which has room for no others', async () => {
    for (const limit of [undefined, 0]) {
      const samples = await openSamples(side, 'images', limit);
      expect(samples.rowBytes).toBe(36);
      const into = new Uint8Array(72).fill(7);
      expect(await samples.read([12, 5], into)).toBe(into);
      expect(into).toEqual(await samples.read([12, 5]));
      await expect(samples.read([12], into)).rejects.toThrow('72 bytes for 1 rows');
      await samples.close();
    }
  });

  it('outside of it are refused', async () => {
    for (const limit of [undefined, 0]) {
      const samples = await openSamples(side, 'images', limit);
      await expect(samples.read([13])).rejects.toThrow(/row 13/);
      await expect(samples.read([-1])).rejects.toThrow(/row -1/);
      await samples.close();
    }
  });
});
