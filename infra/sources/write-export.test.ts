import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Box } from '../../core/dataset/annotations.ts';
import type { ExportFormat } from '../../core/dataset/export/export-item.ts';
import { FlatNames } from '../../core/dataset/export/export-item.ts';
import { entriesOf, openSource, shownEntry } from '../../test/lib/read-source.ts';
import { writeExport } from './write-export.ts';
import type { ExportFile } from './write-export.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'graft-export-'));
});
afterEach(() => rm(dir, { recursive: true }));

const picture = { width: 61, height: 47, channels: 3 };
const at = (xMin: number, yMin: number, xMax: number, yMax: number, more: Partial<Box> = {}): Box => ({
  ...{ label: 'cat & <dog>', xMin, yMin, xMax, yMax },
  ...more,
});
const boxes = [
  at(0, 0, 61, 47),
  at(3.25, 4.75, 20.5, 30.125, { label: '猫', difficult: true, crowd: true }),
  at(0.2, 0.2, 0.9, 0.9),
];

async function files(): Promise<ExportFile[]> {
  const from = join(dir, 'from.png');
  await sharp({ create: { ...picture, channels: 3, background: 'red' } })
    .png()
    .toFile(from);
  const names = new FlatNames();
  const item = (path: string, more: Partial<ExportFile>): ExportFile => ({
    ...{ name: names.nameFor(path), from, ...picture, boxes: [] },
    ...more,
  });
  return [
    item('a/1.png', { boxes, side: 'train' }),
    item('b/1.png', { side: 'validation' }),
    item('b_1.png', { boxes: boxes.slice(1), side: 'test' }),
  ];
}

async function* streamed(items: readonly ExportFile[]): AsyncGenerator<ExportFile> {
  await Promise.resolve();
  yield* items;
}

/** Writes with one format, reads it with its importer, and gives what was read by name. */
async function there(format: ExportFormat, items: readonly ExportFile[]): Promise<ExportFile[]> {
  const out = join(dir, `${format}-${Math.trunc(items[0]?.boxes[0]?.xMax ?? 0)}-${(await readdir(dir)).length}`);
  await writeExport(streamed(items), format, ['cat & <dog>', '猫'], out);
  const source = await openSource(out, 'auto');
  expect(source.format).toBe(format);
  const found: ExportFile[] = [];
  for (const entry of await entriesOf(source)) {
    const shown = shownEntry(entry, picture);
    expect(shown).not.toHaveProperty('problem');
    if (!('boxes' in shown)) throw new Error(`no boxes in ${entry.path}`);
    const { boxes: read = [], side } = shown;
    found.push({
      name: entry.path.split('/').at(-1) ?? '',
      from: await source.fetch(entry, dir),
      ...picture,
      boxes: read,
      side,
    });
  }
  return found.sort(
    (a, b) => items.findIndex(({ name }) => name === a.name) - items.findIndex(({ name }) => name === b.name),
  );
}

const edges = (items: readonly ExportFile[]): number[] =>
  items.flatMap((item) => item.boxes.flatMap(({ xMin, yMin, xMax, yMax }) => [xMin, yMin, xMax, yMax]));

describe('exports', () => {
  it('come back from VOC, COCO and YOLO in turn, to half a pixel and in the given sides', async () => {
    const first = await files();
    let at = first;
    for (const format of ['voc', 'coco', 'yolo', 'voc', 'yolo', 'coco'] as const) {
      at = await there(format, at);
      expect(at.map(({ name, side }) => [name, side])).toEqual(first.map(({ name, side }) => [name, side]));
      expect(at.map((item) => item.boxes.map(({ label }) => label))).toEqual(
        first.map((item) => item.boxes.map(({ label }) => label)),
      );
      const far = edges(at).map((edge, i) => Math.abs(edge - (edges(first)[i] ?? Number.NaN)));
      expect(Math.max(...far)).toBeLessThanOrEqual(0.5 + 1e-6);
    }
  });

  it('say what a format has no words for', async () => {
    const lost = async (format: ExportFormat) =>
      (await writeExport(streamed(await files()), format, ['cat & <dog>', '猫'], join(dir, format))).lost;
    expect(await lost('coco')).toEqual({ difficult: 2 });
    expect(await lost('voc')).toEqual({ crowd: 2 });
    expect(await lost('yolo')).toEqual({ crowd: 2, difficult: 2 });
    expect((await there('coco', await files()))[0]?.boxes[1]).toMatchObject({ crowd: true });
    expect((await there('voc', await files()))[0]?.boxes[1]).toMatchObject({ difficult: true });
  });

  it('give every file a name of its own', () => {
    const names = new FlatNames();
    expect(['a/b.jpg', 'a_b.png', 'A_B.jpg', 'c'].map((path) => names.nameFor(path))).toEqual([
      ...['a_b.jpg', 'a_b-2.png', 'A_B-3.jpg', 'c'],
    ]);
  });

  it('appear whole or not at all, and never over something', async () => {
    const broken = (async function* () {
      yield* streamed(await files());
      throw new Error('the disk went away');
    })();
    await expect(writeExport(broken, 'voc', [], join(dir, 'out'))).rejects.toThrow('went away');
    expect(await readdir(dir)).toEqual(['from.png']);
    await writeFile(join(dir, 'note.txt'), 'mine');
    await expect(writeExport(streamed([]), 'voc', [], dir)).rejects.toMatchObject({ code: 'EXPORT_TARGET' });
    expect(await readFile(join(dir, 'note.txt'), 'utf8')).toBe('mine');
  });

  it('keep COCO’s own boxes to the last bit', async () => {
    const coco = await openSource(fileURLToPath(new URL('../../test/golden/sources/coco', import.meta.url)), 'coco');
    const given = (await entriesOf(coco)).flatMap(({ annotations }) => annotations?.boxes ?? []);
    const [template] = await files();
    const back = await there('coco', [{ ...template!, boxes: given.map((box) => ({ ...box, label: '猫' })) }]);
    expect(back[0]?.boxes).toEqual(given.map((box) => ({ ...box, label: '猫' })));
  });
});
