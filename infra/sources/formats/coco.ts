import { z } from 'zod';
import { fromCoco } from '../../../core/dataset/box-formats.ts';
import { isContainedPath, isPictureName, labelProblem } from '../../../core/dataset/names.ts';
import { compareText } from '../../../core/dataset/order.ts';
import { inputError } from '../../../core/errors.ts';
import type { GivenSide } from '../../../core/dataset/annotations.ts';
import type { SourceEntry } from '../../ports/dataset-source.ts';
import { streamJson } from '../text/json-stream.ts';
import type { TreeFile } from '../tree/file-tree.ts';
import { folderOf, joinPath, nameOf, stemOf } from '../tree/outline.ts';
import type { Outline } from '../tree/outline.ts';
import { BoxTable } from './box-table.ts';
import { givenSides, joinFiles, sideField, treeSource } from './importer.ts';
import type { AnnotatedPath, Importer, Opening } from './importer.ts';

const Id = z.union([z.int(), z.string().max(200)]);
type Id = z.infer<typeof Id>;
const Image = z.object({
  id: Id,
  file_name: z.string().min(1).max(1024),
  width: z.number().optional(),
  height: z.number().optional(),
});
const Category = z.object({ id: Id, name: z.string() });
const Annotation = z.object({
  image_id: Id,
  category_id: Id,
  bbox: z.tuple([z.number(), z.number(), z.number(), z.number()]),
  area: z.number().optional(),
  iscrowd: z.union([z.number(), z.boolean()]).optional(),
});

/**
 * COCO instances (cocodataset.org, "Object detection"): `images`, `annotations`, `categories` in one JSON, or one for each
 * of train, val and test. Boxes are left, top, width and height in pixels; `iscrowd` and `area` are kept, masks are not.
 * A listed image without annotations shows nothing of interest; files that no JSON lists are no part of the data set.
 */
export const coco: Importer = {
  format: 'coco',
  tasks: ['detection'],
  async detects(outline, head) {
    for (const file of jsonFiles(outline)) if (looksLikeCoco(await head(file))) return true;
    return false;
  },
  open: (opening) => {
    const load = remembered(() => loadAll(opening));
    return treeSource(opening, 'coco', (signal) => list(opening, load, signal));
  },
};

/** `images`, `annotations` or `categories` comes first in every COCO file but for `info` and `licenses`. */
const looksLikeCoco = (head: string): boolean =>
  /^(?:\xef\xbb\xbf)?\s*\{/.test(head) && /"(?:images|annotations|categories|licenses|info)"\s*:/.test(head);

/** `instances_*.json` where there are any (captions and key points lie beside them), else every JSON. */
function jsonFiles({ others }: Outline): TreeFile[] {
  const all = others.filter(({ path }) => path.endsWith('.json') && path.split('/').length <= 3);
  const instances = all.filter(({ path }) => /instances|coco/i.test(nameOf(path)));
  return instances.length > 0 ? instances : all;
}

interface Loaded {
  readonly rows: readonly AnnotatedRow[];
  readonly boxes: BoxTable;
}

interface AnnotatedRow {
  readonly path: string;
  readonly number: number;
  readonly side: GivenSide | undefined;
  readonly size: { readonly width: number; readonly height: number } | undefined;
  readonly problem: { readonly code: string; readonly reason: string } | undefined;
}

async function* list(
  { tree }: Opening,
  load: () => Promise<Loaded>,
  signal: AbortSignal | undefined,
): AsyncGenerator<SourceEntry> {
  const { rows, boxes } = await load();
  yield* joinFiles(tree.walk(signal), annotated(rows, boxes), () => null);
}

function* annotated(rows: readonly AnnotatedRow[], boxes: BoxTable): Generator<AnnotatedPath> {
  for (const { path, number, side, size, problem } of rows) {
    const annotations = { unit: 'pixels', ...(size && { size }), boxes: boxes.of(number), ...sideField(side) } as const;
    yield { path, annotations, ...(problem && { problem }) };
  }
}

async function loadAll(opening: Opening): Promise<Loaded> {
  const { outline, tree } = opening;
  const files = jsonFiles(outline);
  if (files.length === 0) {
    throw inputError('DATASET_FORMAT', tree.where, 'no JSON file', 'annotations/instances_*.json', 'add it');
  }
  const sides = givenSides(files.map(({ path }) => path));
  const boxes = new BoxTable();
  const rows: AnnotatedRow[] = [];
  for (const file of files) rows.push(...(await loadFile(opening, file, sides.get(file.path), boxes, rows.length)));
  rows.sort((a, b) => compareText(a.path, b.path));
  refuseRepeats(tree.where, rows);
  return { rows, boxes };
}

async function loadFile(
  { tree, outline }: Opening,
  file: TreeFile,
  side: GivenSide | undefined,
  boxes: BoxTable,
  offset: number,
): Promise<AnnotatedRow[]> {
  const where = `${tree.where}/${file.path}`;
  const reader = new CocoReader(where, boxes, offset);
  // Categories may come last, and annotations before their images: two passes, and boxes are in memory once.
  await streamJson(await tree.open(file), where, ['$.images.*', '$.categories.*'], (value, under) => {
    reader.take(value, under);
  });
  reader.checkNames();
  await streamJson(await tree.open(file), where, ['$.annotations.*'], (value) => {
    reader.annotation(value);
  });
  return reader.rows(pictureFolder(outline, file.path, reader.firstName()), side);
}

class CocoReader {
  private readonly where: string;
  private readonly boxes: BoxTable;
  private readonly offset: number;
  private readonly images: z.infer<typeof Image>[] = [];
  private readonly numbers = new Map<Id, number>();
  private readonly names = new Map<Id, string>();
  private readonly problems = new Map<number, { code: string; reason: string }>();
  private annotations = 0;

  constructor(where: string, boxes: BoxTable, offset: number) {
    this.where = where;
    this.boxes = boxes;
    this.offset = offset;
  }

  take(value: unknown, under: string): void {
    if (under === 'categories') {
      const { id, name } = this.parse(Category, value, `category ${this.names.size + 1}`);
      const wrong = labelProblem(name.normalize('NFC'), `${this.where}, category ${String(id)}`);
      if (wrong !== null) throw wrong;
      if (this.names.has(id)) throw this.repeated(`category ${String(id)}`);
      this.names.set(id, name.normalize('NFC'));
      return;
    }
    const image = this.parse(Image, value, `image ${this.images.length + 1}`);
    if (this.numbers.has(image.id)) throw this.repeated(`image ${String(image.id)}`);
    const path = image.file_name.replace(/^(?:\.\/)+/, '').normalize('NFC');
    if (!isContainedPath(path)) {
      const seen = `file_name ${JSON.stringify(path.slice(0, 120))}`;
      throw inputError('ANNOTATION_PATH', this.where, seen, 'a path below the data set', 'correct it');
    }
    this.numbers.set(image.id, this.images.push({ ...image, file_name: path }) - 1);
  }

  checkNames(): void {
    if (this.images.length > 0 && this.names.size > 0) return;
    const seen = `${this.images.length} images and ${this.names.size} categories`;
    throw inputError(
      'DATASET_FORMAT',
      this.where,
      seen,
      'images and categories, as in COCO instances',
      'name its format',
    );
  }

  annotation(value: unknown): void {
    this.annotations++;
    const parsed = Annotation.safeParse(value);
    const imageId = parsed.success ? parsed.data.image_id : idOf(value);
    const number = imageId === undefined ? undefined : this.numbers.get(imageId);
    if (number === undefined) {
      const seen = `annotation ${this.annotations} of image ${String(imageId)}, which is not listed`;
      throw inputError(
        'ANNOTATION_ORPHAN',
        this.where,
        seen,
        'an image for each annotation',
        'add it or remove the row',
      );
    }
    if (!parsed.success) {
      this.blame(number, 'ANNOTATION_BOX', `annotation ${this.annotations} without a usable bbox and category_id`);
      return;
    }
    const { category_id: category, bbox, area, iscrowd } = parsed.data;
    const label = this.names.get(category);
    if (label === undefined) {
      this.blame(number, 'ANNOTATION_CLASS', `category ${String(category)}, which is not listed`);
      return;
    }
    const crowd = iscrowd === 1 || iscrowd === true;
    const edges = fromCoco(bbox);
    const more = { ...(crowd ? { crowd } : {}), ...(area === undefined ? {} : { area }) };
    this.boxes.add(this.offset + number, { label, ...edges, ...more });
  }

  firstName(): string {
    return this.images[0]?.file_name ?? '';
  }

  rows(folder: string, side: GivenSide | undefined): AnnotatedRow[] {
    return this.images.map(({ file_name: name, width, height }, i) => ({
      path: joinPath(folder, name),
      number: this.offset + i,
      side,
      size: width === undefined || height === undefined ? undefined : { width, height },
      problem: this.problems.get(i),
    }));
  }

  private blame(number: number, code: string, reason: string): void {
    if (!this.problems.has(number)) this.problems.set(number, { code, reason });
  }

  private parse<T extends z.ZodType>(schema: T, value: unknown, what: string): z.output<T> {
    const parsed = schema.safeParse(value);
    if (parsed.success) return parsed.data;
    const [issue] = parsed.error.issues;
    const seen = `${what}: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`;
    throw inputError('DATASET_FORMAT', this.where, seen, 'COCO instances', 'write the file again');
  }

  private repeated(what: string) {
    return inputError('ANNOTATION_DUPLICATE', this.where, `${what} twice`, 'every id once', 'keep one of them');
  }
}

function idOf(value: unknown): Id | undefined {
  const parsed = z.object({ image_id: Id }).safeParse(value);
  return parsed.success ? parsed.data.image_id : undefined;
}

/**
 * Where the pictures of a JSON lie: beside it, in `images`, in the folder of its name (`instances_train2017.json` and
 * `train2017`), or where `file_name` says from the top.
 */
function pictureFolder({ pictures }: Outline, json: string, firstName: string): string {
  const part = stemOf(json).split('_').at(-1) ?? '';
  const beside = folderOf(json);
  const above = folderOf(beside);
  const near = [beside, joinPath(beside, 'images'), joinPath(above, part), joinPath(above, joinPath('images', part))];
  const further = [joinPath(above, 'images'), above, 'images', ''];
  const holds = (folder: string): boolean => pictures.has(folderOf(joinPath(folder, firstName)));
  const named = [...near, ...further].find(holds);
  if (named !== undefined || !isPictureName(nameOf(firstName))) return named ?? '';
  // One folder of pictures, whatever it is called.
  const [only] = pictures.keys();
  return pictures.size === 1 && only !== undefined && !firstName.includes('/') ? only : '';
}

function refuseRepeats(where: string, rows: readonly AnnotatedRow[]): void {
  for (let i = 1; i < rows.length; i++) {
    const path = rows[i]?.path;
    if (path === undefined || path !== rows[i - 1]?.path) continue;
    throw inputError(
      'ANNOTATION_DUPLICATE',
      where,
      `${path} is listed twice`,
      'every picture once',
      'keep one of them',
    );
  }
}

/** Annotations are listed twice (to see whether anything changed, and to read): they are loaded once. */
export function remembered<T>(load: () => Promise<T>): () => Promise<T> {
  let loading: Promise<T> | null = null;
  return () => (loading ??= load());
}
