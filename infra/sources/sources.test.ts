import { mkdir, mkdtemp, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { compareText } from '../../core/dataset/order.ts';
import { createMemoryObjectStore } from '../../test/fakes/memory-object-store.ts';
import type { SourceEntry } from '../ports/dataset-source.ts';
import { openDatasetSource } from './open-source.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'graft-source-'));
});
afterEach(() => rm(root, { recursive: true }));

const store = createMemoryObjectStore({ bucket: 'main' });
const setup = { store, proxies: { http: null, https: null, no: null }, urlAllow: [] };
const open = openDatasetSource({ ...setup, unpackDir: join(tmpdir(), 'graft-unused') });

async function write(...paths: string[]): Promise<void> {
  for (const path of paths) {
    await mkdir(join(root, dirname(path)), { recursive: true });
    await writeFile(join(root, path), path);
  }
}

async function entries(source: string, format: 'auto' | 'folder' | 'csv' | 'jsonl' = 'auto'): Promise<SourceEntry[]> {
  const found: SourceEntry[] = [];
  for await (const entry of (await open(source, format)).list()) found.push(entry);
  return found;
}

const paths = async (source = root) => (await entries(source)).map(({ path }) => path);
const refused = (source = root) => expect(entries(source)).rejects;

describe('an image folder', () => {
  it('lists files of any depth in order of their path, with label, size and tag', async () => {
    await write('b/2.jpg', 'b/10.jpg', 'a/z.png', 'a/p1/x.jpg', 'a/p1.jpg', 'a/p1-0.jpg', 'Ä/1.jpg');
    const found = await entries(root);
    expect(found.map(({ path }) => path)).toEqual(found.map(({ path }) => path).sort(compareText));
    expect(found.map(({ path, label }) => [path, label])).toEqual([
      ...[
        ['a/p1-0.jpg', 'a'],
        ['a/p1.jpg', 'a'],
        ['a/p1/x.jpg', 'a'],
        ['a/z.png', 'a'],
      ],
      ...[
        ['b/10.jpg', 'b'],
        ['b/2.jpg', 'b'],
        ['Ä/1.jpg', 'Ä'],
      ],
    ]);
    expect(found[0]?.sizeBytes).toBe('a/p1-0.jpg'.length);
  });

  it('changes the tag with the file', async () => {
    await write('a/1.jpg', 'b/1.jpg');
    const [before] = await entries(root);
    await utimes(join(root, 'a/1.jpg'), 1, 1);
    const [after] = await entries(root);
    expect(after?.tag).not.toBe(before?.tag);
  });

  it('leaves out hidden files and sidecars, and lists whatever else may be a picture', async () => {
    await write('a/1.jpg', 'a/.DS_Store', 'a/1.xml', 'a/Thumbs.db', 'a/odd.jpg_', 'a/icon.svg', 'b/1.jpg');
    await write('.git/x/1.jpg', 'README.md', 'a/.hidden/2.jpg');
    expect(await paths()).toEqual(['a/1.jpg', 'a/icon.svg', 'a/odd.jpg_', 'b/1.jpg']);
  });

  it('gives the path in NFC and finds the file whatever its form on disk', async () => {
    const nfd = 'e\u0301t\u00e9.jpg';
    await write(`a/${nfd}`, 'b/1.jpg');
    const source = await open(root, 'auto');
    for await (const entry of source.list()) {
      if (!entry.path.startsWith('a/')) continue;
      expect(entry.path).toBe('a/\u00e9t\u00e9.jpg');
      expect(await readFile(await source.fetch(entry, root), 'utf8')).toBe(`a/${nfd}`);
    }
  });

  it('refuses two names that differ in Unicode form only', async () => {
    await write('a/\u00e9.jpg', 'a/e\u0301.jpg', 'b/1.jpg');
    await refused().toMatchObject({ code: 'DATASET_NAME' });
  });

  it('follows links, but not in circles', async () => {
    await write('a/1.jpg', 'b/1.jpg', 'elsewhere/x/2.jpg');
    await rm(join(root, 'b'), { recursive: true });
    await symlink(join(root, 'elsewhere'), join(root, 'b'));
    expect(await paths()).toContain('b/x/2.jpg');
    await symlink(root, join(root, 'a/loop'));
    await refused().toMatchObject({ code: 'DATASET_LOOP' });
  });

  it('refuses to fetch what lies outside', async () => {
    await write('a/1.jpg', 'b/1.jpg');
    const source = await open(join(root, 'a'), 'folder');
    const entry = { path: '../b/1.jpg', label: 'b', sizeBytes: 1, tag: '' };
    await expect(source.fetch(entry, root)).rejects.toMatchObject({ code: 'DATASET_NAME' });
    await expect(source.fetch({ ...entry, path: 'gone.jpg' }, root)).rejects.toMatchObject({ code: 'DATASET_CHANGED' });
    expect(() => source.placeOf?.(entry)).toThrow('DATASET_NAME');
    expect(source.placeOf?.({ ...entry, path: '1.jpg' })).toBe(await source.fetch({ ...entry, path: '1.jpg' }, root));
  });

  it('says what it found where classes should be', async () => {
    await refused().toThrow('DATASET_CLASSES');
    await write('1.jpg', '2.jpg');
    await refused().toThrow('2 pictures, but no folders');
    await rm(join(root, '1.jpg'));
    await write('cats/1.jpg');
    await refused().toThrow('one class only: cats');
    await write('dogs/1.jpg');
    await refused().toMatchObject({ code: 'ANNOTATION_ORPHAN' });
    await rm(join(root, '2.jpg'));
    expect(await paths()).toHaveLength(2);
    await mkdir(join(root, 'empty'));
    await refused().toThrow(`${root}/empty — a class folder without pictures`);
  });

  it.each(['auto', 'folder'] as const)('keeps the sides of a ready-made split, asked for %s', async (format) => {
    await write('train/cats/1.jpg', 'train/dogs/x/1.jpg', 'val/cats/1.jpg_', 'test/dogs/1.jpg', 'test/notes.txt');
    expect(
      (await entries(root, format)).map(({ path, label, annotations }) => [path, label, annotations?.side]),
    ).toEqual([
      ['test/dogs/1.jpg', 'dogs', 'test'],
      ['train/cats/1.jpg', 'cats', 'train'],
      ['train/dogs/x/1.jpg', 'dogs', 'train'],
      ['val/cats/1.jpg_', 'cats', 'validation'],
    ]);
  });

  it('recognises one side of a split and a folder around the classes', async () => {
    await write('train/cats/1.jpg', 'train/dogs/1.jpg');
    await refused().toThrow('a ready-made split: train');
    await rm(join(root, 'train'), { recursive: true });
    await write('images/cats/1.jpg', 'images/dogs/1.jpg');
    await refused().toThrow(`name ${join(root, 'images')}`);
  });

  it('refuses a class name that is too long', async () => {
    await write(`${'x'.repeat(201)}/1.jpg`, 'b/1.jpg');
    await refused().toMatchObject({ code: 'LABEL_SIZE' });
  });
});

describe('a CSV file', () => {
  const csv = async (text: string | Buffer) => {
    await write('one/1.jpg', 'one/2.jpg', 'two/1.jpg');
    const file = join(root, 'labels.csv');
    await writeFile(file, text);
    return file;
  };

  it('reads path and label in any order, among others, with quotes and a byte-order mark', async () => {
    const file = await csv(
      '\ufeffLabel,note,path\n"a, b","x ""y""",two/1.jpg\n\ncat,,./one/2.jpg\ncat , , one/1.jpg\r\n',
    );
    expect((await entries(file)).map(({ path, label }) => [path, label])).toEqual([
      ['one/1.jpg', 'cat'],
      ['one/2.jpg', 'cat'],
      ['two/1.jpg', 'a, b'],
    ]);
    const source = await open(file, 'csv');
    for await (const entry of source.list()) expect(basename(await source.fetch(entry, root))).toContain('.jpg');
  });

  it.each([
    ['DATASET_CSV', '', 'an empty file'],
    ['DATASET_CSV', 'file,class\na,b\n', 'the columns file, class'],
    ['DATASET_CSV', 'path,label\none/1.jpg\n', 'line 2'],
    ['DATASET_CSV', 'path,label\n"one/1.jpg,b\n', 'Quote'],
    ['DATASET_CLASSES', 'path,label\n', 'no rows'],
    ['DATASET_CLASSES', 'path,label\none/1.jpg,a\none/2.jpg,a\n', 'one class only: a'],
    ['ANNOTATION_PATH', 'path,label\n../one/1.jpg,a\n', 'line 2'],
    ['ANNOTATION_PATH', 'path,label\n/etc/passwd,a\n', 'line 2'],
    ['ANNOTATION_PATH', 'path,label\none\\1.jpg,a\n', 'line 2'],
    ['ANNOTATION_ORPHAN', 'path,label\none/1.jpg,a\nx.jpg,b\ny.jpg,b\n', '2 of 3 files are missing: x.jpg (line 3)'],
    ['ANNOTATION_ORPHAN', 'path,label\none/1.jpg,a\ntwo,b\n', 'two (line 3)'],
    ['ANNOTATION_DUPLICATE', 'path,label\none/1.jpg,a\ntwo/1.jpg,b\none/1.jpg,b\n', 'lines 2 and 4'],
    ['LABEL_SIZE', 'path,label\none/1.jpg,\n', 'line 2'],
    ['LABEL_SIZE', `path,label\none/1.jpg,${'x'.repeat(10_000)}\n`, '10000 characters'],
    ['INPUT_SIZE', `path,label\none/1.jpg,"${'x'.repeat(200_000)}"\n`, '65536'],
  ])('refuses with %s', async (code, text, seen) => {
    const file = await csv(text);
    await refused(file).toMatchObject({ code, kind: 'input' });
    await refused(file).toThrow(seen);
  });

  it('keeps formula-like labels as they are', async () => {
    const file = await csv('path,label\none/1.jpg,=cmd()\ntwo/1.jpg,<script>\n');
    expect((await entries(file)).map(({ label }) => label)).toEqual(['=cmd()', '<script>']);
  });

  it('refuses what is not UTF-8', async () => {
    await refused(await csv(Buffer.from('path,label\none/1.jpg,caf\xe9\n', 'latin1'))).toMatchObject({
      code: 'TEXT_ENCODING',
    });
  });
});

describe('a file of JSON lines', () => {
  const lines = async (text: string | Buffer, name = 'labels.jsonl') => {
    await write('one/1.jpg', 'one/2.jpg', 'two/1.jpg');
    const file = join(root, name);
    await writeFile(file, text);
    return file;
  };
  const row = (path: string, label: string, more = '') => `{"path":"${path}","label":"${label}"${more}}`;

  it.each(['labels.jsonl', 'metadata.ndjson', 'labels'])('%s gives path and label, among others', async (name) => {
    const text = `\ufeff${row('two/1.jpg', 'a, b')}\r\n\n${row('./one/2.jpg', 'cat', `,"note":{"x":[1]},"z":"${'['.repeat(200)}"`)}\n`;
    const file = await lines(`${text}{"label":"=cmd()","file_name":"one/1.jpg"}`, name);
    expect((await entries(file, name === 'labels' ? 'jsonl' : 'auto')).map(({ path, label }) => [path, label])).toEqual(
      [
        ['one/1.jpg', '=cmd()'],
        ['one/2.jpg', 'cat'],
        ['two/1.jpg', 'a, b'],
      ],
    );
    const source = await open(file, 'jsonl');
    expect(source.format).toBe('jsonl');
  });

  it.each([
    ['JSON_SYNTAX', `${row('one/1.jpg', 'a')}\n{"path":"one/2.jpg",`, 'line 2'],
    ['JSON_DEPTH', `${'['.repeat(50_000)}\n`, 'line 1'],
    ['DATASET_JSONL', '["one/1.jpg","a"]\n', 'an object with the texts path and label'],
    ['DATASET_JSONL', '{"path":"one/1.jpg","label":3}\n', 'line 1'],
    ['DATASET_JSONL', 'null\n', 'null'],
    ['DATASET_CLASSES', '', 'no rows'],
    ['DATASET_CLASSES', `${row('one/1.jpg', 'a')}\n`, 'one class only: a'],
    ['ANNOTATION_PATH', `${row('../one/1.jpg', 'a')}\n`, 'line 1'],
    ['ANNOTATION_ORPHAN', `${row('one/1.jpg', 'a')}\n${row('x.jpg', 'b')}\n`, 'x.jpg (line 2)'],
    ['ANNOTATION_DUPLICATE', `${row('one/1.jpg', 'a')}\n${row('one/1.jpg', 'b')}\n`, 'lines 1 and 2'],
    ['LABEL_SIZE', `${row('one/1.jpg', 'x'.repeat(10_000))}\n`, '10000 characters'],
    ['INPUT_SIZE', row('one/1.jpg', 'x'.repeat(2_000_000)), 'line 1'],
  ])('is refused with %s', async (code, text, seen) => {
    const file = await lines(text);
    await refused(file).toMatchObject({ code, kind: 'input' });
    await refused(file).toThrow(seen);
  });

  it('is refused where it is not UTF-8', async () => {
    const latin = Buffer.from(`${row('one/1.jpg', 'caf\xe9')}\n`, 'latin1');
    await refused(await lines(latin)).toMatchObject({ code: 'TEXT_ENCODING' });
  });
});

describe('an S3 prefix', () => {
  beforeEach(async () => {
    for (const key of store.keys()) await store.delete(key);
  });
  const put = async (...keys: string[]) => {
    for (const key of keys) await store.put(key, Buffer.from(key));
  };

  it('lists objects by class, with their ETag, and brings one to disk', async () => {
    await put(
      'sets/pets/cats/a/1.jpg',
      'sets/pets/dogs/1.jpg',
      'sets/pets/dogs/.x',
      'sets/pets/README.md',
      'sets/petsy/z/1',
    );
    const source = await open('s3://main/sets/pets/', 'auto');
    const found: SourceEntry[] = [];
    for await (const entry of source.list()) found.push(entry);
    expect(found.map(({ path, label }) => [path, label])).toEqual([
      ['cats/a/1.jpg', 'cats'],
      ['dogs/1.jpg', 'dogs'],
    ]);
    expect(found[0]?.tag).toMatch(/^[0-9a-f]{32}$/);
    const local = await source.fetch(found[0]!, root);
    expect(local.startsWith(root) && local.endsWith('.jpg')).toBe(true);
    expect(await readFile(local, 'utf8')).toBe('sets/pets/cats/a/1.jpg');
  });

  it('refuses what is no data set', async () => {
    await refused('s3://main/none').toMatchObject({ code: 'DATASET_MISSING' });
    await refused('s3://other/pets').toMatchObject({ code: 'DATASET_BUCKET' });
    await refused('https://127.0.0.1/pets').toMatchObject({ code: 'URL_BLOCKED_ADDRESS' });
    await refused('s3://main/pets/labels.csv').toMatchObject({ code: 'DATASET_FORMAT' });
    await put('one/cats/1.jpg');
    await refused('s3://main/one').toThrow('one class only: cats');
    await put('split/train/cats/1.jpg', 'split/train/dogs/1.jpg');
    await refused('s3://main/split').toThrow('a ready-made split');
    await put('nfd/a/e\u0301.jpg', 'nfd/b/1.jpg');
    await refused('s3://main/nfd').toMatchObject({ code: 'DATASET_NAME' });
  });

  it('asks another store for another bucket', async () => {
    const other = createMemoryObjectStore({ bucket: 'other' });
    for (const key of ['a/1.jpg', 'b/1.jpg']) await other.put(key, Buffer.from(key));
    const storeOf = (bucket: string) => (bucket === 'other' ? other : null);
    const source = await openDatasetSource({ ...setup, storeOf, unpackDir: root })('s3://other', 'auto');
    const found: string[] = [];
    for await (const { path } of source.list()) found.push(path);
    expect(found).toEqual(['a/1.jpg', 'b/1.jpg']);
  });
});

describe('openDatasetSource', () => {
  it('says what it looked for', async () => {
    await refused(join(root, 'none')).toMatchObject({ code: 'DATASET_MISSING', kind: 'input' });
    await refused(join(root, 'none')).toThrow(join(root, 'none'));
    await write('notes.txt');
    await refused(join(root, 'notes.txt')).toMatchObject({ code: 'DATASET_FORMAT' });
    await expect(open(root, 'csv')).rejects.toMatchObject({ code: 'DATASET_FORMAT' });
  });
});
