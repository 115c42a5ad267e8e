import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { copyFile, mkdir, open, readdir, rename, rm, writeFile } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { GivenSide } from '../../core/dataset/annotations.ts';
import { cocoAnnotation, cocoCategories, cocoImage } from '../../core/dataset/export/coco-export.ts';
import { lostFlags } from '../../core/dataset/export/export-item.ts';
import type { ExportFormat, ExportItem } from '../../core/dataset/export/export-item.ts';
import { vocXml } from '../../core/dataset/export/voc-export.ts';
import { yoloDataYaml, yoloLabels } from '../../core/dataset/export/yolo-export.ts';
import { errnoOf, inputError, unreachable } from '../../core/errors.ts';

/** An item and where its picture is now. */
export interface ExportFile extends ExportItem {
  readonly from: string;
}

export interface Exported {
  readonly images: number;
  readonly boxes: number;
  /** How many boxes said something that the format has no words for, by what it was. */
  readonly lost: Readonly<Record<string, number>>;
}

/** What train, validation and test are called in the formats; items without a side lie in `train`. */
const FOLDERS: Readonly<Record<GivenSide, string>> = { train: 'train', validation: 'val', test: 'test' };

/**
 * Writes a data set as another tool has it, pictures with it. `out` must be empty or not there; it appears whole or not at
 * all. EXPORT_TARGET (input) where it holds something.
 */
export async function writeExport(
  items: AsyncIterable<ExportFile>,
  format: ExportFormat,
  classes: readonly string[],
  out: string,
): Promise<Exported> {
  await refuseFull(out);
  const partial = join(dirname(out), `.${basename(out)}-${randomUUID()}`);
  await mkdir(partial, { recursive: true });
  try {
    const exported = await writeItems(items, writerFor(format, partial, classes), format);
    await rm(out, { recursive: true, force: true });
    await rename(partial, out);
    return exported;
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    throw error;
  }
}

async function refuseFull(out: string): Promise<void> {
  const found = await readdir(out).catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT') return [];
    throw inputError('EXPORT_TARGET', out, errnoOf(error) ?? 'unreadable', 'a folder', 'name another');
  });
  if (found.length === 0) return;
  throw inputError('EXPORT_TARGET', out, `${found.length} files in it`, 'an empty folder or none', 'name another');
}

interface Writer {
  /** Where the picture goes, relative to the export. */
  add(item: ExportItem): Promise<string>;
  finish(): Promise<void>;
}

async function writeItems(items: AsyncIterable<ExportFile>, writer: Writer, format: ExportFormat): Promise<Exported> {
  const lost = new Map<string, number>();
  let [images, boxes] = [0, 0];
  for await (const item of items) {
    await copyFile(item.from, await writer.add(item));
    images += 1;
    boxes += item.boxes.length;
    for (const flag of item.boxes.flatMap((box) => lostFlags(box, format))) lost.set(flag, (lost.get(flag) ?? 0) + 1);
  }
  await writer.finish();
  return { images, boxes, lost: Object.fromEntries(lost) };
}

function writerFor(format: ExportFormat, out: string, classes: readonly string[]): Writer {
  switch (format) {
    case 'coco':
      return new CocoWriter(out, classes);
    case 'voc':
      return new VocWriter(out);
    case 'yolo':
      return new YoloWriter(out, classes);
    default:
      return unreachable(format);
  }
}

const folderFor = ({ side }: ExportItem): string => FOLDERS[side ?? 'train'];

/** `annotations/instances_train.json` beside `train/`. Annotations wait in a file of their own until the images are out. */
class CocoWriter implements Writer {
  private readonly out: string;
  private readonly classes: readonly string[];
  private readonly numbers: ReadonlyMap<string, number>;
  private readonly parts = new Map<string, { images: FileHandle; boxes: FileHandle; count: number; total: number }>();

  constructor(out: string, classes: readonly string[]) {
    this.out = out;
    this.classes = classes;
    this.numbers = new Map(classes.map((name, i) => [name, i + 1]));
  }

  async add(item: ExportItem): Promise<string> {
    const folder = folderFor(item);
    const part = this.parts.get(folder) ?? (await this.begin(folder));
    const imageId = ++part.count;
    await part.images.write(`${imageId === 1 ? '' : ',\n'}${JSON.stringify(cocoImage(item, imageId))}`);
    for (const box of item.boxes) {
      const id = ++part.total;
      const annotation = cocoAnnotation(box, { id, imageId, categoryId: this.numbers.get(box.label) ?? 0 });
      await part.boxes.write(`${id === 1 ? '' : ',\n'}${JSON.stringify(annotation)}`);
    }
    return join(this.out, folder, item.name);
  }

  private async begin(folder: string) {
    await mkdir(join(this.out, folder), { recursive: true });
    await mkdir(join(this.out, 'annotations'), { recursive: true });
    const images = await open(this.fileOf(folder), 'w');
    await images.write('{"info":{"description":"written by graft"},"licenses":[],"images":[\n');
    const part = { images, boxes: await open(`${this.fileOf(folder)}.boxes`, 'w'), count: 0, total: 0 };
    this.parts.set(folder, part);
    return part;
  }

  private fileOf(folder: string): string {
    return join(this.out, 'annotations', `instances_${folder}.json`);
  }

  async finish(): Promise<void> {
    for (const [folder, { images, boxes }] of this.parts) {
      await boxes.close();
      await images.write('\n],"annotations":[\n');
      for await (const chunk of createReadStream(`${this.fileOf(folder)}.boxes`)) {
        if (chunk instanceof Buffer) await images.write(chunk);
      }
      await images.write(`\n],"categories":${JSON.stringify(cocoCategories(this.classes))}}\n`);
      await images.close();
      await rm(`${this.fileOf(folder)}.boxes`);
    }
  }
}

/** `JPEGImages`, `Annotations` and, where sides are known, `ImageSets/Main`. */
class VocWriter implements Writer {
  private readonly out: string;
  private readonly lists = new Map<string, FileHandle>();
  private begun = false;

  constructor(out: string) {
    this.out = out;
  }

  async add(item: ExportItem): Promise<string> {
    if (!this.begun) {
      for (const folder of ['JPEGImages', 'Annotations']) await mkdir(join(this.out, folder), { recursive: true });
      this.begun = true;
    }
    const stem = stemOf(item.name);
    await writeFile(join(this.out, 'Annotations', `${stem}.xml`), vocXml(item));
    if (item.side !== undefined) await (await this.list(FOLDERS[item.side])).write(`${stem}\n`);
    return join(this.out, 'JPEGImages', item.name);
  }

  private async list(name: string): Promise<FileHandle> {
    const known = this.lists.get(name);
    if (known !== undefined) return known;
    const folder = join(this.out, 'ImageSets', 'Main');
    await mkdir(folder, { recursive: true });
    const file = await open(join(folder, `${name}.txt`), 'w');
    this.lists.set(name, file);
    return file;
  }

  async finish(): Promise<void> {
    for (const file of this.lists.values()) await file.close();
  }
}

/** `images/train`, `labels/train` …, and data.yaml. */
class YoloWriter implements Writer {
  private readonly out: string;
  private readonly classes: readonly string[];
  private readonly numbers: ReadonlyMap<string, number>;
  private readonly folders = new Set<string>();

  constructor(out: string, classes: readonly string[]) {
    this.out = out;
    this.classes = classes;
    this.numbers = new Map(classes.map((name, i) => [name, i]));
  }

  async add(item: ExportItem): Promise<string> {
    const folder = folderFor(item);
    if (!this.folders.has(folder)) {
      this.folders.add(folder);
      for (const kind of ['images', 'labels']) await mkdir(join(this.out, kind, folder), { recursive: true });
    }
    const labels = join(this.out, 'labels', folder, `${stemOf(item.name)}.txt`);
    await writeFile(labels, yoloLabels(item, this.numbers));
    return join(this.out, 'images', folder, item.name);
  }

  async finish(): Promise<void> {
    const folders = Object.values(FOLDERS).filter((folder) => this.folders.has(folder));
    await writeFile(join(this.out, 'data.yaml'), yoloDataYaml(this.classes, folders));
  }
}

/** `x` of `x.jpg`. */
function stemOf(name: string): string {
  const dot = name.lastIndexOf('.');
  return dot > 0 ? name.slice(0, dot) : name;
}
