import type { GivenSide } from '../../../core/dataset/annotations.ts';
import { isPictureName } from '../../../core/dataset/names.ts';
import type { SourceEntry } from '../../ports/dataset-source.ts';
import { problemOf, readText } from '../text/bytes.ts';
import type { FileTree, TreeFile } from '../tree/file-tree.ts';
import { folderOf, nameOf, stemOf } from '../tree/outline.ts';
import type { Outline } from '../tree/outline.ts';
import { remembered } from './coco.ts';
import { entryOf, orphan, sideField, sideOfName, treeSource, unannotated } from './importer.ts';
import type { Importer, Opening } from './importer.ts';
import { readVocXml } from './voc-xml.ts';

/** VOC's own largest is 12 kB. */
const MAX_XML_BYTES = 2 ** 20;
const MAX_LIST_BYTES = 64 * 2 ** 20;

/**
 * Pascal VOC (VOC2012 devkit_doc §4): `Annotations/x.xml` beside `JPEGImages/x.jpg`, one or several such pairs (VOC2007 and
 * VOC2012), or the two side by side in any folder, as LabelImg leaves them. `ImageSets/Main/{train,val,test}.txt` are given
 * sides. A picture goes with the annotation of its own name.
 */
export const voc: Importer = {
  format: 'voc',
  tasks: ['detection'],
  async detects({ others }, head) {
    const [first] = others.filter(isAnnotation);
    return first !== undefined && /<annotation[\s>]|<!DOCTYPE/i.test(await head(first));
  },
  open: (opening) => {
    const sides = remembered(() => sidesOf(opening));
    return treeSource(opening, 'voc', (signal) => list(opening, sides, signal));
  },
};

const isAnnotation = ({ path }: TreeFile): boolean => path.toLowerCase().endsWith('.xml');

/** Where a file's namesake of the other kind lies: VOC's two folders count as one. */
const keyOf = (path: string): string =>
  `${folderOf(path).replace(/(^|\/)(?:Annotations|JPEGImages|images)(?=\/|$)/i, '$1*')}/${stemOf(path)}`;

async function* list(
  { tree, outline }: Opening,
  sides: () => Promise<Sides>,
  signal: AbortSignal | undefined,
): AsyncGenerator<SourceEntry> {
  const sideOf = await sides();
  const annotations = new Map(outline.others.filter(isAnnotation).map((file) => [keyOf(file.path), file]));
  const left = new Set(annotations.values());
  for await (const file of tree.walk(signal)) {
    if (!isPictureName(nameOf(file.path)) || isMask(file.path, outline)) continue;
    const annotation = annotations.get(keyOf(file.path));
    if (annotation === undefined) {
      yield unannotated(file, 'an XML file of the same name');
      continue;
    }
    left.delete(annotation);
    yield await annotatedEntry(tree, file, annotation, sideOf(file.path));
  }
  for (const { path } of left) yield orphan(path);
}

async function annotatedEntry(
  tree: FileTree,
  file: TreeFile,
  annotation: TreeFile,
  side: GivenSide | undefined,
): Promise<SourceEntry> {
  try {
    const text = await readText(tree, annotation, MAX_XML_BYTES, 'XML_SIZE');
    const annotations = { ...readVocXml(text, `${tree.where}/${annotation.path}`), ...sideField(side) };
    return entryOf(file, { path: file.path, annotations });
  } catch (error) {
    return entryOf(file, { path: file.path, problem: problemOf(error) });
  }
}

/** Segmentation masks are pictures too, but not of the data set. */
const isMask = (path: string, { pictures }: Outline): boolean =>
  /(^|\/)Segmentation(?:Class|Object)(?:\/|$)/.test(folderOf(path)) && pictures.size > 1;

type Sides = (path: string) => GivenSide | undefined;

/** From `ImageSets/Main`: the three lists of the whole set, not those of each class. */
async function sidesOf({ tree, outline }: Opening): Promise<Sides> {
  const lists = outline.others.filter(({ path }) => /(?:^|\/)ImageSets\/Main\/(?:train|val|test)\.txt$/.test(path));
  const given = new Map<string, GivenSide>();
  for (const file of lists) {
    const side = sideOfName(nameOf(file.path));
    if (side === undefined) continue;
    const top = folderOf(folderOf(folderOf(file.path)));
    const text = await readText(tree, file, MAX_LIST_BYTES);
    for (const line of text.split('\n')) {
      const [name] = line.trim().split(/\s+/);
      if (name) given.set(`${top === '' ? '' : `${top}/`}*/${name}`, side);
    }
  }
  const distinct = new Set(given.values());
  return distinct.has('train') && distinct.size > 1 ? (path) => given.get(keyOf(path)) : () => undefined;
}
