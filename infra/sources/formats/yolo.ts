import { parse } from 'yaml';
import { z } from 'zod';
import type { Box, GivenSide, SourceAnnotations } from '../../../core/dataset/annotations.ts';
import { fromYolo } from '../../../core/dataset/box-formats.ts';
import { isPictureName, labelProblem } from '../../../core/dataset/names.ts';
import { inputError, messageOf } from '../../../core/errors.ts';
import type { SourceEntry } from '../../ports/dataset-source.ts';
import { problemOf, readText } from '../text/bytes.ts';
import type { TreeFile } from '../tree/file-tree.ts';
import { folderOf, joinPath, nameOf, stemOf } from '../tree/outline.ts';
import type { Outline } from '../tree/outline.ts';
import { remembered } from './coco.ts';
import { entryOf, givenSides, orphan, sideField, treeSource, unannotated } from './importer.ts';
import type { Importer, Opening, SideNames } from './importer.ts';

const MAX_LABEL_BYTES = 2 ** 20;
const MAX_NAMES_BYTES = 2 ** 20;

const Names = z.union([z.array(z.union([z.string(), z.number()]).transform(String)), z.record(z.string(), z.string())]);
const DataYaml = z.object({ names: Names, nc: z.int().optional() });

/**
 * YOLO (Ultralytics' data sets): `images/…/x.jpg` with `labels/…/x.txt`, a line a box: class, then centre, width and height
 * as shares. Names come from data.yaml (`names:` as a list or by number), else from classes.txt or obj.names. Folders
 * called train, val and test are given sides. An empty label file says that there is nothing; a missing one says nothing.
 */
export const yolo: Importer = {
  format: 'yolo',
  tasks: ['detection'],
  detects: async (outline, head) => {
    const names = namesFile(outline);
    if (names === undefined || !outline.others.some(isLabels)) return false;
    return !/\.ya?ml$/.test(names.path) || /^\s*names\s*:/m.test(await head(names));
  },
  open: (opening) => {
    const load = remembered(() => readNames(opening));
    return treeSource(opening, 'yolo', (signal) => list(opening, load, signal));
  },
};

const NAME_FILES = /(?:^|\/)(?:data|dataset|[\w-]+)\.ya?ml$|(?:^|\/)(?:classes\.txt|(?:obj|[\w-]+)\.names)$/;

function namesFile({ others }: Outline): TreeFile | undefined {
  const found = others.filter(({ path }) => NAME_FILES.test(path) && path.split('/').length <= 2);
  const rank = ({ path }: TreeFile): number => (/data(?:set)?\.ya?ml$/.test(path) ? 0 : /\.ya?ml$/.test(path) ? 1 : 2);
  return [...found].sort((a, b) => rank(a) - rank(b))[0];
}

/** Not the lists and notes that lie beside: label files are in a folder of pictures or in `labels`. */
const isLabels = ({ path }: TreeFile): boolean =>
  /\.txt$/i.test(path) && !/(?:^|\/)(?:classes|train|val|valid|test|readme[^/]*)\.txt$/i.test(path);

/** `images` and `labels` count as one, wherever they stand in the path. */
const keyOf = (path: string): string =>
  joinPath(folderOf(path).replace(/(^|\/)(?:images|labels)(?=\/|$)/i, '$1*'), stemOf(path));

async function* list(
  opening: Opening,
  load: () => Promise<readonly string[]>,
  signal: AbortSignal | undefined,
): AsyncGenerator<SourceEntry> {
  const { tree, outline } = opening;
  const names = await load();
  const sides = givenSides([...outline.pictures.keys()]);
  const labels = new Map(outline.others.filter(isLabels).map((file) => [keyOf(file.path), file]));
  const left = new Set(labels.values());
  for await (const file of tree.walk(signal)) {
    if (!isPictureName(nameOf(file.path))) continue;
    const found = labels.get(keyOf(file.path));
    if (found === undefined) {
      yield unannotated(file, 'a label file of the same name (empty where there is nothing)');
      continue;
    }
    left.delete(found);
    yield await labelledEntry(opening, file, found, names, sides);
  }
  for (const { path } of left) yield orphan(path);
}

async function labelledEntry(
  { tree }: Opening,
  file: TreeFile,
  labels: TreeFile,
  names: readonly string[],
  sides: SideNames,
): Promise<SourceEntry> {
  const { path } = file;
  const side: GivenSide | undefined = sides.get(folderOf(path));
  try {
    const text = await readText(tree, labels, MAX_LABEL_BYTES);
    const annotations = { ...readYoloLabels(text, `${tree.where}/${labels.path}`, names), ...sideField(side) };
    return entryOf(file, { path, annotations });
  } catch (error) {
    return entryOf(file, { path, problem: problemOf(error) });
  }
}

/** The lines of a label file. Polygons (more than four numbers) become the box around them. ANNOTATION_BOX, ANNOTATION_CLASS. */
export function readYoloLabels(text: string, where: string, names: readonly string[]): SourceAnnotations {
  const boxes: Box[] = [];
  for (const [i, line] of text.split('\n').entries()) {
    const fields = line.trim().split(/\s+/);
    if (fields.length === 1 && fields[0] === '') continue;
    boxes.push(boxOf(fields, `${where} line ${i + 1}`, names));
  }
  return { unit: 'relative', boxes };
}

const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d{1,3})?$/i;

function boxOf([first = '', ...rest]: readonly string[], where: string, names: readonly string[]): Box {
  const label = /^\d{1,9}$/.test(first) ? names[Number(first)] : undefined;
  if (label === undefined) {
    const seen = `class ${first.slice(0, 20)}`;
    throw inputError('ANNOTATION_CLASS', where, seen, `one of the ${names.length} of its names`, 'correct data.yaml');
  }
  const usable =
    rest.every((text) => NUMBER.test(text)) && (rest.length === 4 || (rest.length >= 6 && rest.length % 2 === 0));
  if (!usable) {
    const seen = `${rest.length} values after the class: ${rest.slice(0, 5).join(' ').slice(0, 60)}`;
    throw inputError('ANNOTATION_BOX', where, seen, 'class, x and y of the centre, width, height', 'correct the line');
  }
  const values = rest.map(Number);
  const [x = 0, y = 0, width = 0, height = 0] = values;
  if (values.length === 4) return { label, ...fromYolo([x, y, width, height]) };
  const xs = values.filter((_, i) => i % 2 === 0);
  const ys = values.filter((_, i) => i % 2 === 1);
  return { label, xMin: Math.min(...xs), yMin: Math.min(...ys), xMax: Math.max(...xs), yMax: Math.max(...ys) };
}

async function readNames({ tree, outline }: Opening): Promise<readonly string[]> {
  const file = namesFile(outline);
  if (file === undefined) {
    throw inputError('DATASET_FORMAT', tree.where, 'no data.yaml', 'data.yaml with names, or classes.txt', 'add it');
  }
  const where = `${tree.where}/${file.path}`;
  const text = await readText(tree, file, MAX_NAMES_BYTES);
  const names = /\.ya?ml$/.test(file.path) ? yamlNames(text, where) : text.split('\n').map((line) => line.trim());
  while (names.at(-1) === '') names.pop();
  for (const name of names) {
    const wrong = labelProblem(name, where);
    if (wrong !== null) throw wrong;
  }
  if (new Set(names).size === names.length && names.length > 0) return names;
  throw inputError(
    'ANNOTATION_DUPLICATE',
    where,
    `${names.length} names, some twice`,
    'every class once',
    'rename one',
  );
}

function yamlNames(text: string, where: string): string[] {
  try {
    // Anchors can multiply a few lines to gigabytes; the library counts.
    const { names } = DataYaml.parse(parse(text, { maxAliasCount: 100 }));
    const list = Array.isArray(names) ? names : byNumber(names);
    return list.map((name) => name.trim().normalize('NFC'));
  } catch (error) {
    const seen = error instanceof z.ZodError ? 'no names in it' : messageOf(error).slice(0, 200);
    throw inputError('DATASET_FORMAT', where, seen, 'YAML with names: of the classes', 'correct it');
  }
}

function byNumber(names: Readonly<Record<string, string>>): string[] {
  const numbers = Object.keys(names);
  return numbers.map((_, i) => {
    const name = names[String(i)];
    if (name === undefined) throw new Error(`names have no number ${i}`);
    return name;
  });
}
