import type { GivenSide } from '../../../core/dataset/annotations.ts';
import { isPictureName } from '../../../core/dataset/names.ts';
import { inputError } from '../../../core/errors.ts';
import type { SourceEntry } from '../../ports/dataset-source.ts';
import { problemOf, readText } from '../text/bytes.ts';
import type { TreeFile } from '../tree/file-tree.ts';
import { folderOf, joinPath, nameOf, stemOf } from '../tree/outline.ts';
import type { Outline } from '../tree/outline.ts';
import { remembered } from './coco.ts';
import { entryOf, orphan, treeSource, unannotated } from './importer.ts';
import type { AnnotatedPath, Importer, Opening } from './importer.ts';
import { readVocXml } from './voc-xml.ts';

const MAX_LIST_BYTES = 2 ** 24;
const MAX_XML_BYTES = 2 ** 20;

/**
 * Oxford-IIIT Pets: `images`, `annotations/{list,trainval,test}.txt` and `annotations/xmls` (boxes of heads). The class is the
 * breed, which a picture's name begins with. Classification takes all of list.txt, with the two lists as given sides;
 * detection takes trainval.txt, as TensorFlow's own script does, for the others have no boxes.
 */
export const pets: Importer = {
  format: 'pets',
  tasks: ['classification', 'detection'],
  detects: async (outline, head) => {
    const list = listFile(outline);
    return list !== undefined && /CLASS-ID SPECIES/.test(await head(list));
  },
  open: (opening) => {
    const load = remembered(() => readLists(opening));
    return treeSource(opening, 'pets', (signal) => list(opening, load, signal));
  },
};

const listFile = ({ others }: Outline): TreeFile | undefined =>
  others.find(({ path }) => /(?:^|\/)annotations\/list\.txt$/.test(path));

interface Lists {
  readonly images: string;
  readonly sides: ReadonlyMap<string, GivenSide>;
  readonly listed: ReadonlySet<string>;
}

async function* list(
  opening: Opening,
  load: () => Promise<Lists>,
  signal: AbortSignal | undefined,
): AsyncGenerator<SourceEntry> {
  const { tree, task, outline } = opening;
  const { images, sides, listed } = await load();
  const wanted = task === 'detection' ? [...listed].filter((name) => sides.get(name) === 'train') : [...listed];
  const left = new Set(wanted);
  const xmls = new Map(
    outline.others.filter(({ path }) => path.endsWith('.xml')).map((file) => [stemOf(file.path), file]),
  );
  for await (const file of tree.walk(signal)) {
    if (!isPictureName(nameOf(file.path)) || folderOf(file.path) !== images) continue;
    const name = stemOf(file.path);
    if (task === 'detection' && listed.has(name) && !left.has(name)) continue;
    if (!left.delete(name)) yield unannotated(file, 'a line in list.txt');
    else yield entryOf(file, await annotated(opening, file, xmls.get(name), sides.get(name)));
  }
  for (const name of left) yield orphan(joinPath(images, `${name}.jpg`));
}

async function annotated(
  { tree, task }: Opening,
  { path }: TreeFile,
  xml: TreeFile | undefined,
  side: GivenSide | undefined,
): Promise<AnnotatedPath> {
  const label = stemOf(path).replace(/_\d+$/, '');
  if (task === 'classification') {
    return { path, label, ...(side === undefined ? {} : { annotations: { unit: 'pixels', side } }) };
  }
  if (xml === undefined)
    return { path, problem: { code: 'ANNOTATION_ORPHAN', reason: 'no XML file of the same name' } };
  try {
    const where = `${tree.where}/${xml.path}`;
    const found = readVocXml(await readText(tree, xml, MAX_XML_BYTES, 'XML_SIZE'), where);
    // The XML says cat or dog; the breed is what the set is about.
    return { path, annotations: { ...found, boxes: (found.boxes ?? []).map((box) => ({ ...box, label })) } };
  } catch (error) {
    return { path, problem: problemOf(error) };
  }
}

async function readLists({ tree, outline }: Opening): Promise<Lists> {
  const listed = listFile(outline);
  if (listed === undefined) {
    throw inputError(
      'DATASET_FORMAT',
      tree.where,
      'no annotations/list.txt',
      'Oxford-IIIT Pets',
      'name another format',
    );
  }
  const folder = folderOf(listed.path);
  const namesIn = async (file: TreeFile): Promise<string[]> => {
    const lines = (await readText(tree, file, MAX_LIST_BYTES)).split('\n').filter((line) => !line.startsWith('#'));
    return lines.map((line) => line.trim().split(/\s+/)[0] ?? '').filter((name) => name !== '');
  };
  const sides = new Map<string, GivenSide>();
  for (const [name, side] of [
    ['trainval.txt', 'train'],
    ['test.txt', 'test'],
  ] as const) {
    const file = outline.others.find(({ path }) => path === joinPath(folder, name));
    for (const picture of file === undefined ? [] : await namesIn(file)) sides.set(picture, side);
  }
  return { images: joinPath(folderOf(folder), 'images'), sides, listed: new Set(await namesIn(listed)) };
}
