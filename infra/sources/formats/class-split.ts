import { isItemName, isSplitFolder, labelProblem } from '../../../core/dataset/names.ts';
import { entryOf, sideField, sideOfName, treeSource } from './importer.ts';
import type { Importer, Opening } from './importer.ts';
import type { Outline } from '../tree/outline.ts';
import type { SourceEntry } from '../../ports/dataset-source.ts';

/**
 * Class folders that somebody split already: `train/cat/1.jpg`, `val/cat/2.jpg`, `test/dog/3.jpg`. The sides are given; every
 * file is an item, as in class folders without a split.
 */
export const classSplit: Importer = {
  format: 'folder',
  tasks: ['classification'],
  detects: ({ pictures }) => Promise.resolve(isSplit(pictures)),
  open: (opening) => treeSource(opening, 'folder', (signal) => list(opening, signal)),
};

/** All pictures lie in class folders below two or more folders of different sides, one of them for training. */
function isSplit(pictures: Outline['pictures']): boolean {
  const folders = [...pictures.keys()];
  const tops = new Set(folders.map((folder) => folder.split('/')[0] ?? ''));
  const sides = new Set([...tops].map(sideOfName));
  const nested = folders.every((folder) => folder.includes('/'));
  return nested && [...tops].every(isSplitFolder) && sides.has('train') && sides.size > 1 && !sides.has(undefined);
}

async function* list({ tree }: Opening, signal: AbortSignal | undefined): AsyncGenerator<SourceEntry> {
  for await (const file of tree.walk(signal)) {
    const [top = '', label = '', ...rest] = file.path.split('/');
    const side = sideOfName(top);
    if (side === undefined || rest.length === 0 || !isItemName(rest.at(-1) ?? '')) continue;
    const wrong = labelProblem(label, tree.where);
    if (wrong !== null) throw wrong;
    yield entryOf(file, { path: file.path, label, annotations: { unit: 'pixels', ...sideField(side) } });
  }
}
