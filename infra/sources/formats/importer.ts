import { sides } from '../../../core/dataset/annotations.ts';
import type { GivenSide, SourceAnnotations } from '../../../core/dataset/annotations.ts';
import { compareText } from '../../../core/dataset/order.ts';
import type { DatasetSource, SourceEntry, SourceFormat, SourceTask } from '../../ports/dataset-source.ts';
import type { FileTree, TreeFile } from '../tree/file-tree.ts';
import type { Outline } from '../tree/outline.ts';

/** What an importer is given: the files, what lies where, and what the annotations are wanted for. */
export interface Opening {
  readonly tree: FileTree;
  readonly outline: Outline;
  readonly task: SourceTask;
  /** What is said of a class is said of its kind too, where the format has kinds of classes. */
  readonly hierarchy?: 'expand' | undefined;
}

/** One tool's layout of pictures and annotations. */
export interface Importer {
  readonly format: SourceFormat;
  /** The first is what it is made for. */
  readonly tasks: readonly [SourceTask, ...SourceTask[]];
  /** Reads parts of large files: what lies in a store is copied to the disk first. */
  readonly onDisk?: boolean;
  /** The tar files of the tree are unpacked, each into a folder of its name. */
  readonly unpacks?: boolean;
  /** Whether files lie as this tool puts them; `head` gives the first bytes of a file as Latin-1. */
  detects(outline: Outline, head: (file: TreeFile) => Promise<string>): Promise<boolean>;
  open(opening: Opening): DatasetSource;
}

/** What an importer knows of one picture before it knows its file. */
export interface AnnotatedPath {
  readonly path: string;
  readonly label?: string;
  readonly annotations?: SourceAnnotations;
  readonly problem?: SourceEntry['problem'];
}

/** A source over a tree, whose files are fetched as they are. */
export function treeSource(
  { tree, task }: Opening,
  format: SourceFormat,
  list: (signal: AbortSignal | undefined) => AsyncIterable<SourceEntry>,
): DatasetSource {
  const { placeOf } = tree;
  return {
    format,
    task,
    where: tree.where,
    list,
    fetch: (entry, scratchDir, signal) => tree.fetch(entry, scratchDir, signal),
    ...(placeOf === undefined ? {} : { placeOf: (entry) => placeOf(entry) }),
  };
}

/**
 * Puts annotations to their files: both come in order of the paths. What has no file is ANNOTATION_ORPHAN, in its place;
 * `alone` says what becomes of a file without annotations (null leaves it out).
 */
export async function* joinFiles(
  files: AsyncIterable<TreeFile>,
  annotated: Iterable<AnnotatedPath>,
  alone: (file: TreeFile) => SourceEntry | null,
): AsyncGenerator<SourceEntry> {
  const rows = annotated[Symbol.iterator]();
  let row = rows.next();
  for await (const file of files) {
    while (row.done !== true && compareText(row.value.path, file.path) < 0) {
      yield orphan(row.value.path);
      row = rows.next();
    }
    if (row.done !== true && row.value.path === file.path) {
      yield entryOf(file, row.value);
      row = rows.next();
      continue;
    }
    const entry = alone(file);
    if (entry !== null) yield entry;
  }
  for (; row.done !== true; row = rows.next()) yield orphan(row.value.path);
}

export const entryOf = (file: TreeFile, { label = '', annotations, problem }: AnnotatedPath): SourceEntry => ({
  ...file,
  label,
  ...(annotations === undefined ? {} : { annotations }),
  ...(problem === undefined ? {} : { problem }),
});

/** An annotation whose picture is not there. */
export const orphan = (path: string): SourceEntry => ({
  ...{ path, label: '', sizeBytes: 0, tag: '' },
  problem: { code: 'ANNOTATION_ORPHAN', reason: 'annotated, but there is no such picture' },
});

/** A picture that nobody annotated. */
export const unannotated = (file: TreeFile, expected: string): SourceEntry => ({
  ...file,
  label: '',
  problem: { code: 'ANNOTATION_ORPHAN', reason: `a picture without annotations, not with ${expected}` },
});

export type SideNames = ReadonlyMap<string, GivenSide>;

const SIDE_WORDS: Readonly<Record<GivenSide, RegExp>> = {
  train: /(?:^|[^a-z])train(?:ing)?(?![a-z])/i,
  validation: /(?:^|[^a-z])(?:val|valid|validation|dev|eval)(?![a-z])/i,
  test: /(?:^|[^a-z])test(?:ing)?(?![a-z])/i,
};

/** The side that a name speaks of (`instances_val2017.json`, `valid/_annotations.coco.json`), if it is one alone. */
export function sideOfName(name: string): GivenSide | undefined {
  const found = sides.filter((side) => SIDE_WORDS[side].test(name));
  return found.length === 1 ? found[0] : undefined;
}

/**
 * Which of some names stands for which side. A side is given only where one of them is `train` and another is not:
 * what has a single part was not split by anybody.
 */
export function givenSides(names: readonly string[]): SideNames {
  const given = new Map<string, GivenSide>();
  for (const name of names) {
    const side = sideOfName(name);
    if (side !== undefined) given.set(name, side);
  }
  const distinct = new Set(given.values());
  return distinct.has('train') && distinct.size > 1 ? given : new Map();
}

export const sideField = (side: GivenSide | undefined): { side?: GivenSide } => (side === undefined ? {} : { side });
