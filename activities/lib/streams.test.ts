import { mkdtemp, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createLocalFiles } from '../../infra/local-files.ts';
import { createMemoryObjectStore } from '../../test/fakes/memory-object-store.ts';
import { encodeLines, putPart, readLines } from './json-lines.ts';
import { mapOrdered } from './map-ordered.ts';
import { withScratch } from './scratch.ts';

const never = new AbortController().signal;

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

describe('mapOrdered', () => {
  it('yields in order with a bound on what is under way', async () => {
    let under = 0;
    let most = 0;
    const work = async (n: number): Promise<number> => {
      most = Math.max(most, ++under);
      for (let i = 0; i < 10 - n; i++) await Promise.resolve();
      under--;
      return n * n;
    };
    expect(await collect(mapOrdered([0, 1, 2, 3, 4, 5, 6, 7], 3, work))).toEqual([0, 1, 4, 9, 16, 25, 36, 49]);
    expect(most).toBe(3);
  });

  it('waits for what is under way before it fails', async () => {
    const ended: number[] = [];
    const work = async (n: number): Promise<number> => {
      await Promise.resolve();
      if (n === 1) throw new Error('one');
      for (let i = 0; i < 50; i++) await Promise.resolve();
      ended.push(n);
      return n;
    };
    await expect(collect(mapOrdered([1, 2, 3], 3, work))).rejects.toThrow('one');
    expect(ended).toEqual([2, 3]);
  });
});

describe('readLines', () => {
  const Line = z.object({ n: z.int(), text: z.string() });
  const values = Array.from({ length: 5000 }, (_, n) => ({ n, text: 'ä'.repeat(n % 50) }));

  it('gives back what was written, across the chunks of a stream', async () => {
    const store = createMemoryObjectStore();
    const part = await putPart(store, 'a.jsonl', encodeLines(values), never);
    expect(await collect(readLines(store, part, Line, never))).toEqual(values);
  });

  it('finds damage', async () => {
    const store = createMemoryObjectStore();
    const part = await putPart(store, 'a.jsonl', encodeLines(values), never);
    store.corrupt('a.jsonl', (body) => {
      const text = Buffer.from(body).toString('latin1');
      return Buffer.from(text.replace('"n":4999', '"n":4998'), 'latin1');
    });
    await expect(collect(readLines(store, part, Line, never))).rejects.toMatchObject({ code: 'STORE_CORRUPT' });
    store.corrupt('a.jsonl', (body) => body.subarray(0, -1));
    await expect(collect(readLines(store, part, Line, never))).rejects.toThrow('an unfinished line');
    await store.delete('a.jsonl');
    await expect(collect(readLines(store, part, Line, never))).rejects.toMatchObject({ code: 'STORE_NOT_FOUND' });
  });
});

describe('withScratch', () => {
  it('removes its folder, and what was left a day ago, whatever happens', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'graft-scratch-'));
    const files = createLocalFiles({ store: createMemoryObjectStore(), dir });
    const ports = { files, clock: { nowMs: () => Date.now(), sleep: () => Promise.resolve() } };
    const old = await files.scratch('stage', 'old');
    const young = await files.scratch('stage', 'young');
    await writeFile(join(old, 'left'), 'x');
    await utimes(old, 1, 1);
    let used = '';
    const failed = withScratch(ports, 'stage', async (folder) => {
      used = folder;
      await writeFile(join(folder, 'file'), 'x');
      throw new Error('work failed');
    });
    await expect(failed).rejects.toThrow('work failed');
    const there = (path: string) =>
      stat(path).then(
        () => true,
        () => false,
      );
    expect(await Promise.all([used, old, young].map(there))).toEqual([false, false, true]);
    await rm(dir, { recursive: true });
  });
});
