import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { asSha256 } from '../core/ids.ts';
import type { BlobRef } from '../contracts/manifests.ts';
import { createMemoryObjectStore } from '../test/fakes/memory-object-store.ts';
import { createLocalFiles } from './local-files.ts';
import type { LocalFilesOptions } from './local-files.ts';

const HOUR = 3_600_000;
let dir: string;
let nowMs: number;
let downloads: string[];
const store = () =>
  createMemoryObjectStore({
    before: (call, key) => {
      if (call === 'getFile') downloads.push(key);
    },
  });

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'graft-files-'));
  nowMs = Date.UTC(2026, 0, 1);
  downloads = [];
});
afterEach(() => rm(dir, { recursive: true }));

async function setUp(more: Partial<LocalFilesOptions> = {}) {
  const memory = store();
  const add = async (name: string, sizeBytes = 10): Promise<BlobRef> => {
    const body = Buffer.alloc(sizeBytes, name);
    await memory.put(name, body);
    return { key: name, sha256: asSha256(createHash('sha256').update(body).digest('hex')), sizeBytes };
  };
  const open = () => createLocalFiles({ store: memory, dir, clock: { nowMs: () => nowMs }, ...more });
  return { memory, add, open, files: open() };
}

const pathOf = (name: string): Promise<string> => {
  const sha256 = createHash('sha256').update(name.repeat(10)).digest('hex');
  return Promise.resolve(join(dir, 'blobs', sha256.slice(0, 2), sha256));
};

const exists = (path: string) =>
  stat(path).then(
    () => true,
    () => false,
  );

describe('createLocalFiles', () => {
  it('downloads a blob once, in this process and the next', async () => {
    const { add, files, open } = await setUp();
    const blob = await add('a');
    const path = await files.fetch(blob);
    expect(await readFile(path, 'utf8')).toBe('aaaaaaaaaa');
    expect(await files.fetch(blob)).toBe(path);
    expect(await open().fetch(blob)).toBe(path);
    expect(downloads).toEqual(['a']);
  });

  it('downloads again what was damaged on the disk, whatever its size says', async () => {
    const { add, files, open } = await setUp();
    const blob = await add('a');
    const path = await files.fetch(blob);
    await writeFile(path, 'aaaaXaaaaa');
    expect(await readFile(await open().fetch(blob), 'utf8')).toBe('aaaaaaaaaa');
    await writeFile(path, 'aaa');
    expect(await readFile(await open().fetch(blob), 'utf8')).toBe('aaaaaaaaaa');
    expect(downloads).toHaveLength(3);
  });

  it('leaves nothing of a download that does not verify', async () => {
    const { add, files, memory } = await setUp();
    const blob = await add('a');
    memory.corrupt('a', () => Buffer.from('other'));
    await expect(files.fetch(blob)).rejects.toMatchObject({ code: 'STORE_CORRUPT' });
    expect(await exists(join(dir, 'blobs', blob.sha256.slice(0, 2), blob.sha256))).toBe(false);
  });

  it('is safe when many ask at once', async () => {
    const { add, files, open } = await setUp();
    const blob = await add('a', 100_000);
    const paths = await Promise.all([1, 2, 3, 4].flatMap(() => [files.fetch(blob), open().fetch(blob)]));
    expect(new Set(paths).size).toBe(1);
    expect(await readFile(paths[0] ?? '', 'utf8')).toBe('a'.repeat(100_000));
  });

  it('evicts what was unused for longest, and nothing of the last hour', async () => {
    const { add, files } = await setUp({ maxBytes: 25 });
    const [a, b, c, d] = await Promise.all(['a', 'b', 'c', 'd'].map((name) => add(name)));
    const pathA = await files.fetch(a!);
    nowMs += HOUR / 2;
    const pathB = await files.fetch(b!);
    nowMs += HOUR;
    await files.fetch(a!);
    nowMs += 60_000;
    const pathC = await files.fetch(c!);
    expect(await Promise.all([pathA, pathB, pathC].map(exists))).toEqual([true, false, true]);
    const pathD = await files.fetch(d!);
    expect(await Promise.all([pathA, pathC, pathD].map(exists))).toEqual([true, true, true]);
  });

  it('sweeps what killed downloads left', async () => {
    const { add, files } = await setUp();
    const a = await add('a');
    const left = join(dirname(await files.fetch(a)), `${a.sha256}.00ff.part`);
    await writeFile(left, 'half');
    await utimes(left, new Date(nowMs), new Date(nowMs));
    await files.fetch(await add('b'));
    expect(await exists(left)).toBe(true);
    nowMs += 2 * HOUR;
    await files.fetch(await add('c'));
    expect(await exists(left)).toBe(false);
  });

  it('says how much a full disk lacks, after evicting what it may', async () => {
    let free = 5;
    const { add, files } = await setUp({ freeBytes: () => Promise.resolve(free) });
    const a = await add('a');
    const b = await add('b', 2 ** 20);
    free = 10;
    await files.fetch(a);
    nowMs += 2 * HOUR;
    await expect(files.fetch(b)).rejects.toMatchObject({ code: 'DISK_FULL', kind: 'transient' });
    await expect(files.fetch(b)).rejects.toThrow('1.0 MiB for this file');
    free = 2 ** 30;
    await files.fetch(b);
    await files.fetch(a);
    expect(downloads).toEqual(['a', 'b', 'a']);
  });

  it('adopts a file that was made here: it is found without a download, and goes when others need the room', async () => {
    const { add, files, open } = await setUp({ maxBytes: 25 });
    const blob = await add('a');
    const made = join(await files.scratch('features'), 'made');
    await writeFile(made, 'aaaaaaaaaa');
    const path = await files.adopt(blob, made);
    expect([await exists(made), await files.fetch(blob), await open().fetch(blob)]).toEqual([false, path, path]);
    expect(downloads).toEqual([]);
    nowMs += 2 * HOUR;
    for (const name of ['b', 'c']) await files.fetch(await add(name));
    expect(await exists(path)).toBe(false);
    await writeFile(made, 'dddddddddd');
    await files.adopt(await add('d'), made);
    nowMs += 2 * HOUR;
    const e = join(await files.scratch('features'), 'e');
    await writeFile(e, 'eeeeeeeeee');
    await files.adopt(await add('e'), e);
    expect(await Promise.all(['b', 'c'].map(async (name) => exists(await pathOf(name))))).toEqual([false, true]);
    await expect(files.adopt(await add('f'), join(dir, 'nowhere'))).rejects.toMatchObject({
      code: 'FILE',
      kind: 'transient',
    });
  });

  it('keeps scratch folders until they are removed', async () => {
    const { files, open } = await setUp();
    const path = await files.scratch('runs', 'digits-1');
    await mkdir(join(path, 'inner'));
    expect(await open().scratch('runs', 'digits-1')).toBe(path);
    await files.removeScratch('runs', 'digits-1');
    await files.removeScratch('runs', 'digits-1');
    expect(await exists(path)).toBe(false);
    await expect(files.scratch('..', 'x')).rejects.toThrow('scratch folder');
    await expect(files.scratch('a/b')).rejects.toThrow('scratch folder');
  });
});
