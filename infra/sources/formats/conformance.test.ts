import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import sharp from 'sharp';
import type { SourceFormat, SourceTask } from '../../ports/dataset-source.ts';
import { entriesOf, openSource, shownEntry } from '../../../test/lib/read-source.ts';

/**
 * Every importer reads the files of its tool as the tool's own library does (test/golden/sources/make_fixtures.py):
 * recognised by themselves and by name.
 */
const golden = (name: string): string =>
  fileURLToPath(new URL(`../../../test/golden/sources/${name}`, import.meta.url));
type Expected = { path: string; boxes?: { label: string; [key: string]: unknown }[]; label?: string };
const read = (name: string): unknown => JSON.parse(readFileSync(golden(name), 'utf8'));
const expected = {
  ...(read('expected.json') as Record<string, Expected[]>),
  tfrecord: read('expected-tfrecord.json') as Expected[],
};

const scratch = mkdtempSync(join(tmpdir(), 'graft-conformance-'));
afterAll(() => rmSync(scratch, { recursive: true }));

/** Boxes in single precision (TFRecord) and decimal fractions agree to a millionth of a pixel. */
const rounded = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value), (_, each: unknown) => (typeof each === 'number' ? Number(each.toFixed(5)) : each));

const layouts: [folder: string, format: SourceFormat, task: SourceTask][] = [
  ['coco', 'coco', 'detection'],
  ['voc', 'voc', 'detection'],
  ['yolo', 'yolo', 'detection'],
  ['bdd100k', 'bdd100k', 'detection'],
  ['bdd100k-frames', 'bdd100k', 'detection'],
  ['open-images', 'open-images', 'detection'],
  ['tfrecord', 'tfrecord', 'detection'],
  ['pets', 'pets', 'classification'],
  ['webdataset', 'webdataset', 'classification'],
];

describe('jsonl', () => {
  it.each(['auto', 'jsonl'] as const)('is read as pandas reads it, asked for %s', async (asked) => {
    const source = await openSource(golden('jsonl/labels.jsonl'), asked);
    expect([source.format, source.task]).toEqual(['jsonl', 'classification']);
    const entries = await entriesOf(source);
    expect(entries.map(({ path, label }) => ({ path, label }))).toEqual(read('expected-jsonl.json'));
    for (const entry of entries) expect((await readFile(await source.fetch(entry, scratch))).length).toBeGreaterThan(0);
  });
});

describe.each(layouts)('%s', (folder, format, task) => {
  it.each([['auto'], [format]] as const)('is read as its own library reads it, asked for %s', async (asked) => {
    const source = await openSource(golden(folder), asked);
    expect([source.format, source.task]).toEqual([format, task]);
    const found: unknown[] = [];
    for (const entry of await entriesOf(source)) {
      const path = await source.fetch(entry, scratch);
      const { width, height } = await sharp(await readFile(path)).metadata();
      found.push(shownEntry(entry, { width, height }));
    }
    const wanted = (expected[folder as keyof typeof expected] ?? []).map(({ path, ...rest }) => ({ path, ...rest }));
    expect(rounded(found)).toEqual(rounded(wanted));
  });

  it('lists the same twice, in order of the paths', async () => {
    const source = await openSource(golden(folder), 'auto');
    const [first, second] = [await entriesOf(source), await entriesOf(source)];
    expect(first).toEqual(second);
    expect(first.map(({ path }) => path)).toEqual(first.map(({ path }) => path).sort());
  });
});
