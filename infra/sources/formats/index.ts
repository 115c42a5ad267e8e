import { coco } from './coco.ts';
import type { Importer } from './importer.ts';
import { voc } from './voc.ts';
import { yolo } from './yolo.ts';

/** In the order in which they are asked whether a layout is theirs: the more particular first. */
export const importers: readonly Importer[] = [coco, voc, yolo];
