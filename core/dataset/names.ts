import type { GraftError } from '../errors.ts';
import { inputError } from '../errors.ts';

/** Longest class name, in UTF-16 units. */
export const MAX_LABEL_LENGTH = 200;

const CONTROL = /\p{Cc}/u;
const HIDDEN = new Set(['thumbs.db', 'desktop.ini', '__macosx']);
const SIDECARS = new Set(
  'txt md json jsonl xml csv tsv yaml yml toml ini html htm log db sqlite npy npz mat pkl pt h5 zip tar gz lock'.split(
    ' ',
  ),
);
const PICTURES = new Set(
  'jpg jpeg jpe jfif png apng webp gif tif tiff bmp heic heif avif svg jp2 jxl psd dcm dicom'.split(' '),
);
const SPLIT_FOLDERS = new Set(['train', 'training', 'val', 'valid', 'validation', 'dev', 'eval', 'test', 'testing']);

/**
 * What is wrong with a class name, or null. Names are stored as they are (`<script>` and `=cmd()` are text like any
 * other; whoever shows them makes them inert): LABEL_SIZE above 200 characters or without any, LABEL_TEXT for control
 * characters and `__proto__`, which no JSON object can hold safely.
 */
export function labelProblem(label: string, where: string): GraftError | null {
  if (label.length > MAX_LABEL_LENGTH) {
    const seen = `a class name of ${label.length} characters: ${label.slice(0, 40)}…`;
    return inputError('LABEL_SIZE', where, seen, `at most ${MAX_LABEL_LENGTH}`, 'shorten it');
  }
  if (label.trim() === '') {
    return inputError('LABEL_SIZE', where, 'an empty class name', '1 to 200 characters', 'name the class');
  }
  if (CONTROL.test(label) || label === '__proto__') {
    const seen = `class name ${JSON.stringify(label)}`;
    return inputError('LABEL_TEXT', where, seen, 'printable text other than __proto__', 'rename the class');
  }
  return null;
}

/** Whether a relative path stays below its folder: no `..`, no absolute path, no drive, no backslash, no NUL. */
export function isContainedPath(path: string): boolean {
  if (path === '' || path.startsWith('/') || /^[a-z]:/i.test(path) || /[\\\0]/.test(path)) return false;
  return path.split('/').every((segment) => segment !== '..' && segment !== '.' && segment !== '');
}

/** Files and folders that systems leave behind: never items, never reported. */
export function isHiddenName(name: string): boolean {
  return name.startsWith('.') || HIDDEN.has(name.toLowerCase());
}

/** Lower-case extension without its dot; empty where there is none. */
export function extensionOf(name: string): string {
  const dot = name.lastIndexOf('.');
  return dot <= name.lastIndexOf('/') + 1 ? '' : name.slice(dot + 1).toLowerCase();
}

/**
 * Whether a file in a class folder is taken for an item. Notes, annotations and archives beside pictures are not; all
 * else is, and quarantined if it is no picture: a photo with an odd name must not vanish unseen.
 */
export function isItemName(name: string): boolean {
  return !isHiddenName(name) && !SIDECARS.has(extensionOf(name));
}

/** Whether a name promises a picture, of a format that is decoded or not. */
export function isPictureName(name: string): boolean {
  return !isHiddenName(name) && PICTURES.has(extensionOf(name));
}

/** `train`, `val`, `test` …: folders of a ready-made split, not classes. */
export function isSplitFolder(name: string): boolean {
  return SPLIT_FOLDERS.has(name.toLowerCase());
}

/** "a, b, c and 4 more", each at most 60 characters. */
export function someOf(names: readonly string[], shown = 3): string {
  const first = names.slice(0, shown).map((name) => (name.length > 60 ? `${name.slice(0, 59)}…` : name));
  return names.length <= shown ? first.join(', ') : `${first.join(', ')} and ${names.length - shown} more`;
}
