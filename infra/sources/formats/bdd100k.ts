import { z } from 'zod';
import type { Box, GivenSide, SourceAnnotations } from '../../../core/dataset/annotations.ts';
import { isContainedPath, isPictureName, labelProblem } from '../../../core/dataset/names.ts';
import { compareText } from '../../../core/dataset/order.ts';
import { inputError } from '../../../core/errors.ts';
import type { SourceEntry } from '../../ports/dataset-source.ts';
import { problemOf } from '../text/bytes.ts';
import { streamJson } from '../text/json-stream.ts';
import type { TreeFile } from '../tree/file-tree.ts';
import { folderOf, joinPath, nameOf, stemOf } from '../tree/outline.ts';
import type { Outline } from '../tree/outline.ts';
import { remembered } from './coco.ts';
import { entryOf, givenSides, joinFiles, orphan, sideField, sideOfName, treeSource, unannotated } from './importer.ts';
import type { AnnotatedPath, Importer, Opening, SideNames } from './importer.ts';

const Attributes = z.record(z.string(), z.unknown()).nullish();
const Edges = z.object({ x1: z.number(), y1: z.number(), x2: z.number(), y2: z.number() });
const Label = z.object({ category: z.string(), attributes: Attributes, box2d: Edges.nullish() });
/** Both layouts: `labels` in the lists of all frames, `frames[].objects` in the files of one. */
const Frame = z.object({
  name: z.string().min(1).max(1024),
  videoName: z.string().max(1024).nullish(),
  attributes: Attributes,
  labels: z.array(Label).nullish(),
  frames: z.array(z.object({ objects: z.array(Label).nullish() })).nullish(),
});

/**
 * BDD100K: `labels/det_20/det_{train,val}.json`, a list of frames with `labels`, or a file for each image with
 * `frames[].objects` (the first release). Only what has a `box2d` is a box: lanes and drivable areas are not. Weather, scene
 * and time of day become attributes; a video's name, where there is one, a group. A frame without labels shows nothing.
 */
export const bdd100k: Importer = {
  format: 'bdd100k',
  tasks: ['detection'],
  async detects(outline, head) {
    const [first] = jsonFiles(outline);
    if (first === undefined) return false;
    const text = (await head(first)).trimStart();
    return (
      /"name"\s*:/.test(text) &&
      (text.startsWith('[') || /"(?:frames|attributes)"\s*:/.test(text)) &&
      !/"images"\s*:/.test(text)
    );
  },
  open: (opening) => {
    const lists = jsonFiles(opening.outline).filter(({ path }) => /det|labels_images|bdd100k/i.test(nameOf(path)));
    if (lists.length === 0) return treeSource(opening, 'bdd100k', (signal) => listPairs(opening, signal));
    const load = remembered(() => loadLists(opening, lists));
    return treeSource(opening, 'bdd100k', (signal) => listFrames(opening, load, signal));
  },
};

const jsonFiles = ({ others }: Outline): TreeFile[] => others.filter(({ path }) => path.endsWith('.json'));

async function* listFrames(
  { tree }: Opening,
  load: () => Promise<readonly AnnotatedPath[]>,
  signal: AbortSignal | undefined,
): AsyncGenerator<SourceEntry> {
  const rows = await load();
  const alone = (file: TreeFile): SourceEntry | null =>
    isPictureName(nameOf(file.path)) ? unannotated(file, 'a frame in one of the lists') : null;
  yield* joinFiles(tree.walk(signal), rows, alone);
}

async function loadLists({ tree, outline }: Opening, lists: readonly TreeFile[]): Promise<readonly AnnotatedPath[]> {
  const sides = givenSides(lists.map(({ path }) => path));
  const rows: AnnotatedPath[] = [];
  for (const file of lists) {
    const where = `${tree.where}/${file.path}`;
    const folder = framesFolder(outline, file);
    await streamJson(await tree.open(file), where, ['$.*'], (value) => {
      rows.push(frameRow(value, folder, sides.get(file.path), where));
    });
  }
  rows.sort((a, b) => compareText(a.path, b.path));
  for (let i = 1; i < rows.length; i++) {
    const path = rows[i]?.path ?? '';
    if (path === rows[i - 1]?.path)
      throw inputError('ANNOTATION_DUPLICATE', tree.where, `${path} is listed twice`, 'once');
  }
  return rows;
}

/** The folder of pictures with the list's own word in its name; the only one where there is one. */
function framesFolder({ pictures }: Outline, { path }: TreeFile): string {
  const folders = [...pictures.keys()];
  if (folders.length === 1) return folders[0] ?? '';
  const side = sideOfName(path);
  return folders.find((folder) => sideOfName(nameOf(folder)) === side) ?? '';
}

function frameRow(value: unknown, folder: string, side: GivenSide | undefined, where: string): AnnotatedPath {
  const parsed = Frame.safeParse(value);
  if (!parsed.success) {
    const name = z.object({ name: z.string() }).safeParse(value);
    if (!name.success) throw inputError('DATASET_FORMAT', where, 'a frame without a name', 'frames of BDD100K');
    const issue = parsed.error.issues[0]?.path.join('.') ?? '';
    return {
      path: pathOf(folder, name.data.name, where),
      problem: { code: 'ANNOTATION_BOX', reason: `no usable ${issue}` },
    };
  }
  const path = pathOf(folder, parsed.data.name, where);
  try {
    return { path, annotations: { ...annotationsOf(parsed.data, where), ...sideField(side) } };
  } catch (error) {
    return { path, problem: problemOf(error) };
  }
}

function pathOf(folder: string, name: string, where: string): string {
  const path = joinPath(folder, name.normalize('NFC'));
  if (isContainedPath(path)) return path;
  throw inputError(
    'ANNOTATION_PATH',
    where,
    JSON.stringify(name.slice(0, 120)),
    'a path below the data set',
    'correct it',
  );
}

function annotationsOf(frame: z.infer<typeof Frame>, where: string): SourceAnnotations {
  const labels = [...(frame.labels ?? []), ...(frame.frames ?? []).flatMap(({ objects }) => objects ?? [])];
  const boxes = labels.flatMap((label) => boxOf(label, where));
  const attributes = Object.entries(frame.attributes ?? {}).filter(
    (pair): pair is [string, string] => typeof pair[1] === 'string',
  );
  return {
    unit: 'pixels',
    boxes,
    ...(attributes.length === 0 ? {} : { attributes: Object.fromEntries(attributes) }),
    ...(frame.videoName ? { group: frame.videoName } : {}),
  };
}

function boxOf({ category, attributes, box2d }: z.infer<typeof Label>, where: string): Box[] {
  if (!box2d) return [];
  const wrong = labelProblem(category, where);
  if (wrong !== null) throw wrong;
  const flags = (['occluded', 'truncated'] as const).filter((flag) => attributes?.[flag] === true);
  const edges = { xMin: box2d.x1, yMin: box2d.y1, xMax: box2d.x2, yMax: box2d.y2 };
  return [{ label: category, ...edges, ...Object.fromEntries(flags.map((flag) => [flag, true])) }];
}

/** `images` and `labels` count as one, wherever they stand in the path. */
const keyOf = (path: string): string =>
  joinPath(folderOf(path).replace(/(^|\/)(?:images|labels)(?=\/|$)/i, '$1*'), stemOf(path));

async function* listPairs(opening: Opening, signal: AbortSignal | undefined): AsyncGenerator<SourceEntry> {
  const { tree, outline } = opening;
  const sides: SideNames = givenSides([...outline.pictures.keys()]);
  const files = new Map(jsonFiles(outline).map((file) => [keyOf(file.path), file]));
  const left = new Set(files.values());
  for await (const file of tree.walk(signal)) {
    if (!isPictureName(nameOf(file.path))) continue;
    const labels = files.get(keyOf(file.path));
    if (labels === undefined) {
      yield unannotated(file, 'a JSON file of the same name');
      continue;
    }
    left.delete(labels);
    yield entryOf(file, { ...(await pairRow(opening, labels, sides.get(folderOf(file.path)))), path: file.path });
  }
  for (const { path } of left) yield orphan(path);
}

async function pairRow(
  { tree }: Opening,
  labels: TreeFile,
  side: GivenSide | undefined,
): Promise<Partial<AnnotatedPath>> {
  const where = `${tree.where}/${labels.path}`;
  const fields: Record<string, unknown> = {};
  const wanted = ['name', 'attributes', 'labels', 'frames'];
  try {
    const paths = wanted.map((key) => `$.${key}`);
    await streamJson(await tree.open(labels), where, paths, (value, under) => (fields[under] = value));
    const parsed = Frame.safeParse({ name: stemOf(labels.path), ...fields });
    if (parsed.success) return { annotations: { ...annotationsOf(parsed.data, where), ...sideField(side) } };
    return {
      problem: { code: 'ANNOTATION_BOX', reason: `no usable ${parsed.error.issues[0]?.path.join('.') ?? 'frame'}` },
    };
  } catch (error) {
    return { problem: problemOf(error) };
  }
}
