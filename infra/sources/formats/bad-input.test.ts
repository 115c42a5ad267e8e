import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { entriesOf, openSource, shownEntry } from '../../../test/lib/read-source.ts';

/** What is wrong with annotations quarantines their picture, whichever tool wrote them; the others are read. */
const root = mkdtempSync(join(tmpdir(), 'graft-bad-input-'));
afterAll(() => rmSync(root, { recursive: true }));

const PICTURE = { width: 40, height: 30 };
let jpeg: Buffer;
beforeAll(async () => {
  jpeg = await sharp({ create: { ...PICTURE, channels: 3, background: '#456' } })
    .jpeg()
    .toBuffer();
});

type Edges = readonly [xMin: number, yMin: number, xMax: number, yMax: number];
/** One picture each: the box that is said of it, in pixels, and its class. */
interface Said {
  readonly edges: Edges;
  readonly label?: string;
}
const GOOD: Said = { edges: [4, 4, 20, 16] };

interface Tool {
  readonly format: 'voc' | 'coco' | 'yolo' | 'bdd100k' | 'open-images';
  /** Files that say this of `<name>.jpg`, by path, and where the pictures lie. */
  files(said: Readonly<Record<string, Said>>): Record<string, string>;
  readonly pictures: string;
}

const voc: Tool = {
  format: 'voc',
  pictures: 'JPEGImages',
  files: (said) =>
    Object.fromEntries(
      Object.entries(said).map(
        ([
          name,
          {
            edges: [xMin, yMin, xMax, yMax],
            label = 'cat',
          },
        ]) => {
          const box = `<xmin>${xMin}</xmin><ymin>${yMin}</ymin><xmax>${xMax}</xmax><ymax>${yMax}</ymax>`;
          const size = '<size><width>40</width><height>30</height><depth>3</depth></size>';
          const object = `<object><name>${label}</name><bndbox>${box}</bndbox></object>`;
          const text = `<annotation><filename>${name}.jpg</filename>${size}${object}</annotation>`;
          return [`Annotations/${name}.xml`, text];
        },
      ),
    ),
};
const yolo: Tool = {
  format: 'yolo',
  pictures: 'images',
  files: (said) => ({
    'data.yaml': 'names: [cat, dog]\n',
    ...Object.fromEntries(
      Object.entries(said).map(
        ([
          name,
          {
            edges: [xMin, yMin, xMax, yMax],
            label = '0',
          },
        ]) => {
          const shares = [(xMin + xMax) / 2 / 40, (yMin + yMax) / 2 / 30, (xMax - xMin) / 40, (yMax - yMin) / 30];
          return [`labels/${name}.txt`, `${label} ${shares.join(' ')}\n`];
        },
      ),
    ),
  }),
};
const coco: Tool = {
  format: 'coco',
  pictures: 'images',
  files: (said) => {
    const names = Object.keys(said);
    const annotations = Object.values(said).map(({ edges: [x, y, xMax, yMax], label }, i) => {
      const bbox = [x, y, xMax - x, yMax - y];
      return { id: i + 1, image_id: i + 1, category_id: label === undefined ? 1 : 99, bbox, iscrowd: 0 };
    });
    const images = names.map((name, i) => ({ id: i + 1, file_name: `${name}.jpg`, ...PICTURE }));
    return { 'annotations.json': JSON.stringify({ images, annotations, categories: [{ id: 1, name: 'cat' }] }) };
  },
};

const bdd100k: Tool = {
  format: 'bdd100k',
  pictures: 'images/100k/train',
  files: (said) => {
    const frames = Object.entries(said).map(
      ([
        name,
        {
          edges: [x1, y1, x2, y2],
          label: category = 'car',
        },
      ]) => ({
        ...{ name: `${name}.jpg`, labels: [{ category, box2d: { x1, y1, x2, y2 } }] },
      }),
    );
    return { 'labels/det_20/det_train.json': JSON.stringify(frames) };
  },
};
const openImages: Tool = {
  format: 'open-images',
  pictures: 'train',
  files: (said) => {
    const rows = Object.entries(said).map(
      ([
        name,
        {
          edges: [xMin, yMin, xMax, yMax],
          label = '/m/01',
        },
      ]) => [name, label, xMin / 40, xMax / 40, yMin / 30, yMax / 30].join(','),
    );
    const header = 'ImageID,LabelName,XMin,XMax,YMin,YMax';
    return {
      'train-annotations-bbox.csv': `${[header, ...rows].join('\n')}\n`,
      'class-descriptions.csv': '/m/01,cat\n',
    };
  },
};

const BAD: Readonly<Record<string, Said>> = {
  reversed: { edges: [20, 4, 4, 16] },
  outside: { edges: [50, 4, 60, 16] },
  'without area': { edges: [4, 4, 4, 16] },
  'not a number': { edges: [Number.NaN, 4, 20, 16] },
  'too far out': { edges: [4, 4, 55, 16] },
};

let sets = 0;
/** What becomes of each picture, by name: what is wrong with it, or `good`. */
async function read({ format, files, pictures }: Tool, said: Record<string, Said>, more: Record<string, string> = {}) {
  const folder = join(root, String(sets++));
  const put = (path: string, body: string | Buffer): void => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), body);
  };
  for (const [path, text] of Object.entries({ ...files(said), ...more })) put(path, text);
  for (const name of Object.keys(said)) if (name !== 'gone') put(`${pictures}/${name}.jpg`, jpeg);
  if (format !== 'coco') put(`${pictures}/unsaid.jpg`, jpeg);
  const entries = await entriesOf(await openSource(folder, format));
  return Object.fromEntries(
    entries.map((entry) => {
      const shown: { path: string; problem?: { code: string } } = shownEntry(entry, PICTURE);
      return [shown.path.replace(/^.*\/|\.\w+$/g, ''), shown.problem?.code ?? 'good'];
    }),
  );
}

describe.each([voc, yolo, coco])('annotations of $format', (tool) => {
  it.each(Object.entries(BAD))('with a box %s are ANNOTATION_BOX', async (name, bad) => {
    // VOC counts pixels, the last one inside: from 4 to 4 is one pixel, and one less is reversed.
    if (tool.format === 'voc' && name === 'without area') bad = { edges: [4, 4, 3, 16] };
    expect(await read(tool, { bad, good: GOOD })).toMatchObject({ bad: 'ANNOTATION_BOX', good: 'good' });
  });

  it('of an unknown class, without their picture, or missing for a picture are said to be so', async () => {
    const unknown = { ...GOOD, label: tool.format === 'voc' ? '' : '7' };
    const seen = await read(tool, { unknown, gone: GOOD, good: GOOD });
    expect(seen).toMatchObject({ gone: 'ANNOTATION_ORPHAN', good: 'good' });
    // VOC has no list of its classes: an empty name is what it can have wrong.
    expect(seen['unknown']).toMatch(tool.format === 'voc' ? /^(?:LABEL_SIZE|ANNOTATION_CLASS)$/ : /^ANNOTATION_CLASS$/);
    // What a COCO file does not list is not part of the set.
    if (tool.format !== 'coco') expect(seen['unsaid']).toBe('ANNOTATION_ORPHAN');
  });
});

describe.each([bdd100k, openImages])('annotations of $format', (tool) => {
  it.each(Object.entries(BAD))('with a box %s are ANNOTATION_BOX', async (_, bad) => {
    expect(await read(tool, { bad, good: GOOD })).toMatchObject({ bad: 'ANNOTATION_BOX', good: 'good' });
  });

  it('without their picture, or missing for a picture, are said to be so', async () => {
    const seen = await read(tool, { gone: GOOD, good: GOOD });
    expect(seen).toEqual({ gone: 'ANNOTATION_ORPHAN', good: 'good', unsaid: 'ANNOTATION_ORPHAN' });
  });
});

it('a class of Open Images that nobody described is ANNOTATION_CLASS', async () => {
  await expect(read(openImages, { unknown: { ...GOOD, label: '/m/99' } })).rejects.toThrow('ANNOTATION_CLASS');
});

describe('VOC files', () => {
  it('with a DOCTYPE, or endless, are quarantined unread', async () => {
    const bomb = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><annotation>&b;</annotation>';
    const outside =
      '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><annotation><object>&a;</object></annotation>';
    const huge = `<annotation><!--${'x'.repeat(2 ** 20)}--></annotation>`;
    const said = { bomb: GOOD, outside: GOOD, huge: GOOD, good: GOOD };
    const files = { 'Annotations/bomb.xml': bomb, 'Annotations/outside.xml': outside, 'Annotations/huge.xml': huge };
    const expected = { bomb: 'XML_DOCTYPE', outside: 'XML_DOCTYPE', huge: 'XML_SIZE', good: 'good' };
    expect(await read(voc, said, files)).toMatchObject(expected);
  });
});
