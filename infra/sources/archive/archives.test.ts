import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { zipSync } from 'fflate';
import type { Zippable } from 'fflate';
import * as tar from 'tar';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createMemoryObjectStore } from '../../../test/fakes/memory-object-store.ts';
import { entriesOf, sourcesFor } from '../../../test/lib/read-source.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'graft-archives-'));
});
afterEach(() => rm(dir, { recursive: true }));

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const classes = { 'pets/cat/1.jpg': text('cat'), 'pets/dog/2.jpg': text('dog') };

async function open(name: string, bytes: Uint8Array) {
  await writeFile(join(dir, name), bytes);
  return sourcesFor(join(dir, 'unpacked'))(join(dir, name), 'auto');
}
const refused = (name: string, bytes: Uint8Array) => expect(open(name, bytes)).rejects;

/** A tar of one member, by its header's own fields (POSIX.1-1988 §10.1.1). */
function tarOf(members: { path: string; type?: string; link?: string; body?: Uint8Array }[]): Buffer {
  const blocks = members.map(({ path, type = 'File', link, body = text('x') }) => {
    const size = type === 'File' ? body.length : 0;
    const header = new tar.Header({
      ...{ path, type: type as 'File', mode: 0o644, size, uid: 0, gid: 0, mtime: new Date(0) },
      ...(link === undefined ? {} : { linkpath: link }),
    });
    const block = Buffer.alloc(512 + 512 * Math.ceil(size / 512));
    header.encode(block, 0);
    if (size > 0) block.set(body, 512);
    return block;
  });
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}
const goodTar = () => tarOf(Object.entries(classes).map(([path, body]) => ({ path, body })));

describe('an archive', () => {
  it.each([
    ['pets.zip', () => zipSync(classes)],
    ['pets.tar', goodTar],
    ['pets.tar.gz', () => gzipSync(goodTar())],
  ])('%s is read as the folder that it holds', async (name, make) => {
    const source = await open(name, make());
    const found = await entriesOf(source);
    expect(found.map(({ path, label }) => [path, label])).toEqual([
      ['cat/1.jpg', 'cat'],
      ['dog/2.jpg', 'dog'],
    ]);
    expect(source.where).toBe(join(dir, name));
    expect(await readFile(await source.fetch(found[0]!, dir), 'utf8')).toBe('cat');
    // Unpacked once.
    await sourcesFor(join(dir, 'unpacked'))(join(dir, name), 'auto');
    expect(await readdir(join(dir, 'unpacked'))).toHaveLength(1);
  });

  it('in a store is unpacked once for each ETag, and its members stay the same', async () => {
    const store = createMemoryObjectStore({ bucket: 'main' });
    await store.put('sets/pets.zip', zipSync(classes));
    const tags: string[][] = [];
    for (const unpackDir of [join(dir, 'here'), join(dir, 'there')]) {
      const source = await sourcesFor(unpackDir, { store })('s3://main/sets/pets.zip', 'auto');
      tags.push((await entriesOf(source)).map(({ tag }) => tag));
    }
    expect(tags[0]).toEqual(tags[1]);
    const missing = sourcesFor(dir, { store })('s3://main/sets/none.zip', 'auto');
    await expect(missing).rejects.toMatchObject({ code: 'DATASET_MISSING' });
  });

  it.each([['../x'], ['a/../../x'], ['/etc/passwd'], ['a\\x'], ['C:/x'], ['a//x'], ['a/\u0000x']])(
    'that leads elsewhere by %j is ARCHIVE_PATH',
    async (path) => {
      await refused('bad.zip', zipSync({ [path]: text('x') })).toMatchObject({ code: 'ARCHIVE_PATH', kind: 'input' });
      // A tar's names end at a NUL.
      if (!path.includes('\0')) await refused('bad.tar', tarOf([{ path }])).toMatchObject({ code: 'ARCHIVE_PATH' });
      expect(await readdir(join(dir, 'unpacked'))).toEqual([]);
      expect((await readdir(dir)).sort()).toEqual(
        ['bad.tar', 'bad.zip', 'unpacked'].filter((each) => !path.includes('\0') || each !== 'bad.tar'),
      );
    },
  );

  it.each([['SymbolicLink'], ['Link'], ['CharacterDevice'], ['BlockDevice'], ['FIFO']])(
    'with a %s is ARCHIVE_LINK',
    async (type) => {
      const link = type.endsWith('Link') ? { link: '/etc/passwd' } : {};
      const members = [{ path: 'a/1.jpg' }, { path: 'a/2.jpg', type, ...link }];
      await refused('bad.tar', tarOf(members)).toMatchObject({ code: 'ARCHIVE_LINK' });
    },
  );

  it('with a link of zip is ARCHIVE_LINK', async () => {
    const members: Zippable = { 'a/1.jpg': [text('/etc/passwd'), { os: 3, attrs: (0o120777 << 16) >>> 0 }] };
    await refused('bad.zip', zipSync(members)).toMatchObject({ code: 'ARCHIVE_LINK' });
  });

  it('that grows a hundredfold is ARCHIVE_RATIO', { timeout: 60_000 }, async () => {
    const zeros = new Uint8Array(18 * 2 ** 20);
    await refused('bomb.zip', zipSync({ 'a/1.jpg': zeros })).toMatchObject({ code: 'ARCHIVE_RATIO' });
    const packed = gzipSync(tarOf([{ path: 'a/1.jpg', body: zeros }]));
    await refused('bomb.tar.gz', packed).toMatchObject({ code: 'ARCHIVE_RATIO' });
    expect(await readdir(join(dir, 'unpacked'))).toEqual([]);
  });

  it('stays closed inside another', async () => {
    const inner = zipSync(classes);
    const source = open('nested.zip', zipSync({ 'a/inner.zip': inner, 'a/1.jpg': text('x'), 'b/1.jpg': text('y') }));
    expect((await entriesOf(await source)).map(({ path }) => path)).toEqual(['a/1.jpg', 'b/1.jpg']);
  });

  it('that is cut short or damaged is ARCHIVE_CORRUPT', async () => {
    const random = Buffer.from(Array.from({ length: 4096 }, (_, i) => (i * 7919) % 251));
    const zip = zipSync({ 'a/1.jpg': random, 'b/1.jpg': random }, { level: 0 });
    const packed = gzipSync(goodTar());
    for (const cut of [zip.length - 1, zip.length >> 1]) {
      await refused('cut.zip', zip.subarray(0, cut)).toMatchObject({ code: 'ARCHIVE_CORRUPT' });
    }
    for (const cut of [packed.length - 4, packed.length >> 1]) {
      await refused('cut.tar.gz', packed.subarray(0, cut)).toMatchObject({ code: 'ARCHIVE_CORRUPT' });
    }
    await refused('cut.tar', goodTar().subarray(0, 700)).toMatchObject({ code: 'ARCHIVE_CORRUPT' });
    const flipped = Buffer.from(zip);
    flipped[500] = (flipped[500] ?? 0) ^ 1;
    await refused('flipped.zip', flipped).toMatchObject({ code: 'ARCHIVE_CORRUPT' });
  });

  it('whose packed bytes are damaged anywhere is refused, and not waited for', async () => {
    const zip = zipSync({ 'a/1.jpg': text('one'), 'b/2.jpg': text('two'.repeat(99)) });
    for (let at = 30; at < 110; at++) {
      const bytes = Buffer.from(zip);
      bytes[at] = (bytes[at] ?? 0) ^ 0xff;
      await open(`${at}.zip`, bytes).catch((error: unknown) => {
        expect(error).toMatchObject({ code: expect.stringMatching(/^(?:ARCHIVE_|DATASET_)/), kind: 'input' });
      });
    }
  });

  it('with names equal but for case or Unicode form is ARCHIVE_DUPLICATE', async () => {
    for (const [a, b] of [
      ['a/x.jpg', 'A/X.jpg'],
      ['a/\u00e9.jpg', 'a/e\u0301.jpg'],
    ] as const) {
      await refused('two.zip', zipSync({ [a]: text('1'), [b]: text('2') })).toMatchObject({
        code: 'ARCHIVE_DUPLICATE',
      });
      const members = [{ path: a }, { path: b }];
      await refused('two.tar', tarOf(members)).toMatchObject({ code: 'ARCHIVE_DUPLICATE' });
    }
    await refused('same.tar', tarOf([{ path: 'a' }, { path: 'a/1.jpg' }])).toMatchObject({ code: 'ARCHIVE_CORRUPT' });
  });

  it('leaves out what systems put in, and takes folders named twice', async () => {
    const members = [
      ...[{ path: 'x/', type: 'Directory' }, { path: 'x/', type: 'Directory' }, { path: '__MACOSX/x/._1.jpg' }],
      ...[{ path: './x/cat/1.jpg' }, { path: './x/dog/1.jpg' }, { path: 'x/cat/.DS_Store' }],
    ];
    const source = await open('pets.tar', tarOf(members));
    expect((await entriesOf(source)).map(({ path }) => path)).toEqual(['cat/1.jpg', 'dog/1.jpg']);
  });

  it('goes when nobody has opened it for two weeks, and so does what a killed process left', async () => {
    const { UnpackedFolder } = await import('../unpacked.ts');
    const week = 7 * 24 * 3600 * 1000;
    let now = Date.now();
    const folder = new UnpackedFolder(join(dir, 'unpacked'), () => now);
    const make = (): Promise<void> => Promise.resolve();
    const first = await folder.folder(['a'], make);
    await mkdir(join(dir, 'unpacked', '.partial-left'));
    now += week;
    await folder.folder(['b'], make);
    expect(await readdir(join(dir, 'unpacked'))).toHaveLength(2);
    await folder.folder(['a'], make);
    now += 1.5 * week;
    await folder.folder(['c'], make);
    expect(await readdir(join(dir, 'unpacked'))).toContain(first.split('/').at(-1));
  });
});
