import type { Box, GivenSide } from '../annotations.ts';
import { boxFlags } from '../annotations.ts';
import type { BoxFlag } from '../annotations.ts';

/** A picture with its boxes in pixels, and the name that it has in the export. */
export interface ExportItem {
  /** Unique in the export, without folders: `0001.jpg`. */
  readonly name: string;
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  readonly boxes: readonly Box[];
  readonly side?: GivenSide | undefined;
}

export type ExportFormat = 'coco' | 'voc' | 'yolo';
export const exportFormats: readonly ExportFormat[] = ['coco', 'voc', 'yolo'];

/** What the formats can say beside class and box. */
const KEPT: Readonly<Record<ExportFormat, ReadonlySet<BoxFlag | 'area'>>> = {
  coco: new Set(['crowd', 'area']),
  voc: new Set(['difficult', 'truncated', 'occluded']),
  yolo: new Set([]),
};

/** Which flags of a box a format has no words for. */
export function lostFlags(box: Box, format: ExportFormat): (BoxFlag | 'area')[] {
  const said = [...boxFlags.filter((flag) => box[flag] === true), ...(box.area === undefined ? [] : ['area' as const])];
  return said.filter((flag) => !KEPT[format].has(flag));
}

/**
 * Names for files that are to lie in one folder: `a/b.jpg` becomes `a_b.jpg`. Two that would differ in their extension only
 * are told apart too, because VOC and YOLO join a picture to its annotation by the rest of the name.
 */
export class FlatNames {
  private readonly taken = new Set<string>();

  nameFor(path: string): string {
    const flat = path.replaceAll('/', '_');
    const dot = flat.lastIndexOf('.');
    const [stem, extension] = dot > 0 ? [flat.slice(0, dot), flat.slice(dot)] : [flat, ''];
    for (let turn = 1; ; turn++) {
      const name = turn === 1 ? stem : `${stem}-${turn}`;
      // Some disks can't tell case apart.
      if (this.taken.has(name.toLowerCase())) continue;
      this.taken.add(name.toLowerCase());
      return `${name}${extension}`;
    }
  }
}
