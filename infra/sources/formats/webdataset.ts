import { z } from 'zod';
import { isPictureName, labelProblem } from '../../../core/dataset/names.ts';
import { inputError } from '../../../core/errors.ts';
import type { SourceEntry } from '../../ports/dataset-source.ts';
import { problemOf, readText } from '../text/bytes.ts';
import type { TreeFile } from '../tree/file-tree.ts';
import { folderOf, nameOf } from '../tree/outline.ts';
import type { Outline } from '../tree/outline.ts';
import { entryOf, givenSides, orphan, sideField, treeSource, unannotated } from './importer.ts';
import type { Importer, Opening, SideNames } from './importer.ts';

const MAX_LABEL_BYTES = 2 ** 20;

/**
 * WebDataset (webdataset.github.io): tar shards whose files come in groups of one key, `0001.jpg` with `0001.cls` (or a
 * `0001.json` with `cls`, `class` or `label`). A key ends at the first dot of a name. Shards are unpacked before they are
 * read, as any archive that nobody vouches for.
 */
export const webdataset: Importer = {
  format: 'webdataset',
  tasks: ['classification'],
  onDisk: true,
  unpacks: true,
  detects: (outline) => Promise.resolve(isUnpacked(outline) || areShards(outline)),
  open: (opening) => treeSource(opening, 'webdataset', (signal) => list(opening, signal)),
};

const isUnpacked = ({ others }: Outline): boolean => others.some(({ path }) => path.endsWith('.cls'));

/** Numbered tar files and nothing else: an archive or two beside pictures is somebody's leftover. */
const areShards = ({ others, pictures }: Outline): boolean =>
  pictures.size === 0 &&
  others.length > 0 &&
  others.every(({ path }) => /\d+\.tar$/.test(path) || /\.(?:json|txt|md)$/.test(path)) &&
  others.some(({ path }) => path.endsWith('.tar'));

/** `a/b` of `a/b.seg.png`. */
const keyOf = (path: string): string => {
  const name = nameOf(path);
  const dot = name.indexOf('.');
  return `${folderOf(path)}/${dot > 0 ? name.slice(0, dot) : name}`;
};

async function* list(opening: Opening, signal: AbortSignal | undefined): AsyncGenerator<SourceEntry> {
  const { tree, outline } = opening;
  const labels = new Map<string, TreeFile>();
  for (const file of outline.others) {
    const isClass = file.path.endsWith('.cls');
    if (isClass || (file.path.endsWith('.json') && !labels.has(keyOf(file.path)))) labels.set(keyOf(file.path), file);
  }
  const sides = givenSides([...outline.pictures.keys()]);
  const left = new Set(labels.values());
  for await (const file of tree.walk(signal)) {
    if (!isPictureName(nameOf(file.path))) continue;
    const label = labels.get(keyOf(file.path));
    if (label === undefined) {
      yield unannotated(file, 'a .cls or .json file of the same key');
      continue;
    }
    left.delete(label);
    yield await labelled(opening, file, label, sides);
  }
  for (const { path } of left) yield orphan(path);
}

async function labelled({ tree }: Opening, file: TreeFile, from: TreeFile, sides: SideNames): Promise<SourceEntry> {
  const { path } = file;
  const where = `${tree.where}/${from.path}`;
  try {
    const text = await readText(tree, from, MAX_LABEL_BYTES);
    const label = (from.path.endsWith('.cls') ? text.trim() : jsonLabel(text, where)).normalize('NFC');
    const wrong = labelProblem(label, where);
    if (wrong !== null) throw wrong;
    const side = sides.get(folderOf(path));
    return entryOf(file, { path, label, ...(side && { annotations: { unit: 'pixels', ...sideField(side) } }) });
  } catch (error) {
    return entryOf(file, { path, problem: problemOf(error) });
  }
}

const Text = z.union([z.string(), z.int()]).transform(String);
const Labels = z.object({ cls: Text.optional(), class: Text.optional(), label: Text.optional() });

function jsonLabel(text: string, where: string): string {
  try {
    const { cls, class: name, label } = Labels.parse(JSON.parse(text));
    const found = cls ?? name ?? label;
    if (found !== undefined) return found;
  } catch {
    // Said below: no JSON and no label are one to the reader.
  }
  throw inputError('ANNOTATION_CLASS', where, 'no class', 'cls, class or label', 'add it');
}
