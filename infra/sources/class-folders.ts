import { isSplitFolder, labelProblem, someOf } from '../../core/dataset/names.ts';
import { inputError } from '../../core/errors.ts';
import type { GraftError } from '../../core/errors.ts';

/** What lies at the top of an image folder, hidden names left out. */
export interface TopLevel {
  readonly folders: readonly string[];
  /** Files that promise to be pictures. */
  readonly pictures: readonly string[];
  /** Folders that hold folders themselves. */
  readonly nested: readonly string[];
}

const LAYOUT = 'two folders or more, one a class, with pictures in them';

/**
 * Whether the first-level folders can be classes. DATASET_CLASSES for none, one, or a ready-made split; LABEL_SIZE and
 * LABEL_TEXT for names that can't be labels; ANNOTATION_ORPHAN for pictures beside the folders. `where` names the top,
 * `into` says what `dataset.source` would be for one of its folders.
 */
export function layoutProblem(top: TopLevel, where: string, into: (folder: string) => string): GraftError | null {
  const { folders, pictures, nested } = top;
  if (folders.length === 0) {
    const seen = pictures.length === 0 ? 'no folders' : `${pictures.length} pictures, but no folders`;
    return inputError('DATASET_CLASSES', where, seen, LAYOUT, 'sort the pictures into a folder for each class');
  }
  const [first = ''] = nested;
  if (folders.every(isSplitFolder) && nested.length > 0) {
    const seen = `a ready-made split: ${someOf(folders)}`;
    const remedy = `put the classes together, or name one part, for example ${into(first)}: graft splits by itself`;
    return inputError('DATASET_CLASSES', where, seen, LAYOUT, remedy);
  }
  if (folders.length === 1) {
    const hint = nested.length === 1 ? `if its folders are the classes, name ${into(first)}` : 'add another class';
    return inputError('DATASET_CLASSES', where, `one class only: ${someOf(folders)}`, LAYOUT, hint);
  }
  const [stray] = pictures;
  if (stray !== undefined) {
    const seen = `${pictures.length} pictures outside the class folders, such as ${stray}`;
    return inputError('ANNOTATION_ORPHAN', where, seen, 'every picture in the folder of its class', 'move them');
  }
  for (const folder of folders) {
    const wrong = labelProblem(folder, where);
    if (wrong !== null) return wrong;
  }
  return null;
}

export const emptyClass = (where: string, folder: string): GraftError =>
  inputError('DATASET_CLASSES', `${where}/${folder}`, 'a class folder without pictures', LAYOUT, 'fill or remove it');

export const badName = (where: string, seen: string, remedy = 'rename it'): GraftError =>
  inputError('DATASET_NAME', where, seen, 'names in UTF-8 without backslashes', remedy);
