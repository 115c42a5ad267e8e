import type { GivenSide, SourceAnnotations } from '../../../core/dataset/annotations.ts';
import { isPictureName, labelProblem } from '../../../core/dataset/names.ts';
import { ClassHierarchy } from '../../../core/dataset/class-hierarchy.ts';
import { GraftError, inputError, messageOf } from '../../../core/errors.ts';
import type { SourceEntry } from '../../ports/dataset-source.ts';
import { readText } from '../text/bytes.ts';
import { amount, columnsOf, streamCsv } from '../text/csv-stream.ts';
import type { TreeFile } from '../tree/file-tree.ts';
import { folderOf, nameOf, stemOf } from '../tree/outline.ts';
import type { Outline } from '../tree/outline.ts';
import { BoxTable } from './box-table.ts';
import { remembered } from './coco.ts';
import { entryOf, givenSides, orphan, sideField, treeSource, unannotated } from './importer.ts';
import type { Importer, Opening } from './importer.ts';

/**
 * Open Images (storage.googleapis.com/openimages): `*-annotations-bbox.csv`, `*-imagelabels*.csv` and
 * `class-descriptions*.csv`, beside pictures that are named by their ImageID in any folder. Group-of boxes are kept as
 * such. Labels with confidence 1 are labels, those with 0 `negatives`: classes that a person looked for and did not see.
 * Classification takes the labels, the first in order of the file as the one. Expanded by `*hierarchy*.json`, a box or label is
 * one of all classes above its own too, and an absent class has all kinds of it absent.
 */
export const openImages: Importer = {
  format: 'open-images',
  tasks: ['detection', 'classification'],
  detects: (outline) => Promise.resolve(outline.others.some(({ path }) => BOXES.test(path) || LABELS.test(path))),
  open: (opening) => {
    const load = remembered(() => loadTables(opening));
    return treeSource(opening, 'open-images', (signal) => list(opening, load, signal));
  },
};

const BOXES = /annotations-bbox\.csv$/;
const LABELS = /imagelabels[\w-]*\.csv$/;
const NAMES = /class-descriptions[\w-]*\.csv$/;
const HIERARCHY = /hierarchy[\w-]*\.json$/;
const MAX_HIERARCHY_BYTES = 4 * 2 ** 20;

class Tables {
  readonly boxes = new BoxTable();
  readonly numbers = new Map<string, number>();
  readonly labels: string[][] = [];
  readonly negatives: string[][] = [];
  readonly sides: (GivenSide | undefined)[] = [];

  numberOf(id: string, side: GivenSide | undefined): number {
    const known = this.numbers.get(id);
    if (known !== undefined) return known;
    this.numbers.set(id, this.numbers.size);
    this.sides.push(side);
    return this.numbers.size - 1;
  }
}

async function* list(
  { tree, task }: Opening,
  load: () => Promise<Tables>,
  signal: AbortSignal | undefined,
): AsyncGenerator<SourceEntry> {
  const tables = await load();
  const left = new Set(tables.numbers.keys());
  for await (const file of tree.walk(signal)) {
    if (!isPictureName(nameOf(file.path))) continue;
    const id = stemOf(file.path);
    const number = tables.numbers.get(id);
    left.delete(id);
    yield number === undefined ? unannotated(file, 'a row of its ImageID') : entry(file, number, tables, task);
  }
  for (const id of left) yield orphan(`${id}.jpg`);
}

function entry(file: TreeFile, number: number, tables: Tables, task: Opening['task']): SourceEntry {
  const { labels, negatives, sides, boxes } = tables;
  const [positive = [], absent = []] = [labels[number], negatives[number]];
  const known = {
    ...(positive.length === 0 ? {} : { labels: positive }),
    ...(absent.length === 0 ? {} : { negatives: absent }),
    ...sideField(sides[number]),
  };
  const { path } = file;
  if (task === 'detection') {
    const annotations: SourceAnnotations = { unit: 'relative', boxes: boxes.of(number), ...known };
    return entryOf(file, { path, annotations });
  }
  const [label] = positive;
  if (label !== undefined) return entryOf(file, { path, label, annotations: { unit: 'relative', ...known } });
  return entryOf(file, { path, problem: { code: 'ANNOTATION_CLASS', reason: 'no label of the whole picture' } });
}

async function loadTables(opening: Opening): Promise<Tables> {
  const { tree, outline } = opening;
  const names = await classNames(tree, outline);
  const kinds = await kindsOf(opening);
  const tables = new Tables();
  const files = outline.others.filter(({ path }) => BOXES.test(path) || LABELS.test(path));
  const sides = givenSides(files.map(({ path }) => path));
  for (const file of files) {
    const where = `${tree.where}/${file.path}`;
    const side = sides.get(file.path) ?? sides.get(folderOf(file.path));
    const classes = { names, kinds };
    const onRow = BOXES.test(file.path)
      ? boxRows(tables, classes, side, where)
      : labelRows(tables, classes, side, where);
    await streamCsv(await tree.open(file), where, onRow);
  }
  return tables;
}

/** Nothing is above or below a class where nobody asked. */
interface Kinds {
  above(mid: string): readonly string[];
  below(mid: string): readonly string[];
}
const NO_KINDS: Kinds = { above: () => [], below: () => [] };

/** What classes are called, and which is a kind of which. */
interface Classes {
  readonly names: ClassNames;
  readonly kinds: Kinds;
}

async function kindsOf({ tree, outline, hierarchy }: Opening): Promise<Kinds> {
  if (hierarchy === undefined) return NO_KINDS;
  const file = outline.others.find(({ path }) => HIERARCHY.test(path));
  if (file === undefined) {
    const expected = 'bbox_labels_600_hierarchy.json beside the tables';
    throw inputError('DATASET_HIERARCHY', tree.where, 'no hierarchy of classes', expected, 'put it there');
  }
  const where = `${tree.where}/${file.path}`;
  const text = await readText(tree, file, MAX_HIERARCHY_BYTES);
  try {
    return new ClassHierarchy(JSON.parse(text), where);
  } catch (error) {
    if (error instanceof GraftError) throw error;
    throw inputError('HIERARCHY_FORMAT', where, messageOf(error).slice(0, 120), 'JSON', 'fetch it again');
  }
}

type RowTaker = (fields: readonly string[], line: number) => void;
const BOX_COLUMNS = ['ImageID', 'LabelName', 'XMin', 'XMax', 'YMin', 'YMax'] as const;

function boxRows(tables: Tables, { names, kinds }: Classes, side: GivenSide | undefined, where: string): RowTaker {
  let columns: ReturnType<typeof columnsOf<(typeof BOX_COLUMNS)[number]>> | null = null;
  return (fields, line) => {
    if (columns === null) {
      columns = columnsOf(fields, BOX_COLUMNS, where);
      return;
    }
    const { all } = columns;
    const flag = (name: string): boolean => fields[all.get(name) ?? -1] === '1';
    const flags = { occluded: flag('isoccluded'), truncated: flag('istruncated'), groupOf: flag('isgroupof') };
    const mid = fields[columns.LabelName] ?? '';
    const edges = {
      xMin: amount(fields[columns.XMin]),
      yMin: amount(fields[columns.YMin]),
      xMax: amount(fields[columns.XMax]),
      yMax: amount(fields[columns.YMax]),
    };
    const picture = tables.numberOf(fields[columns.ImageID] ?? '', side);
    for (const each of [mid, ...kinds.above(mid)]) {
      tables.boxes.add(picture, { label: names(each, `${where} line ${line}`), ...edges, ...flags });
    }
  };
}

const LABEL_COLUMNS = ['ImageID', 'LabelName', 'Confidence'] as const;

function labelRows(tables: Tables, { names, kinds }: Classes, side: GivenSide | undefined, where: string): RowTaker {
  let columns: ReturnType<typeof columnsOf<(typeof LABEL_COLUMNS)[number]>> | null = null;
  return (fields, line) => {
    if (columns === null) {
      columns = columnsOf(fields, LABEL_COLUMNS, where);
      return;
    }
    const mid = fields[columns.LabelName] ?? '';
    const label = names(mid, `${where} line ${line}`);
    const number = tables.numberOf(fields[columns.ImageID] ?? '', side);
    const confidence = amount(fields[columns.Confidence]);
    // Between the two are guesses of a machine that nobody checked.
    if (confidence !== 0 && confidence !== 1) return;
    const into = confidence === 1 ? tables.labels : tables.negatives;
    const known = (into[number] ??= []);
    const others = confidence === 1 ? kinds.above(mid) : kinds.below(mid);
    for (const each of [label, ...others.map((other) => names(other, `${where} line ${line}`))]) {
      if (!known.includes(each)) known.push(each);
    }
  };
}

type ClassNames = (mid: string, where: string) => string;

/** `/m/01g317` → Person. ANNOTATION_CLASS for one that the descriptions lack; the MID itself where there are none. */
async function classNames(tree: Opening['tree'], { others }: Outline): Promise<ClassNames> {
  const known = new Map<string, string>();
  for (const file of others.filter(({ path }) => NAMES.test(path))) {
    const where = `${tree.where}/${file.path}`;
    await streamCsv(await tree.open(file), where, ([mid = '', name = '']) => {
      if (mid === 'LabelName') return;
      const wrong = labelProblem(name.normalize('NFC'), `${where}, ${mid}`);
      if (wrong !== null) throw wrong;
      known.set(mid, name.normalize('NFC'));
    });
  }
  return (mid, where) => {
    const name = known.size === 0 && mid !== '' ? mid : known.get(mid);
    if (name !== undefined) return name;
    throw inputError('ANNOTATION_CLASS', where, `class ${mid.slice(0, 60)}`, 'one of the class descriptions', 'add it');
  };
}
