import { bdd100k } from './bdd100k.ts';
import { classSplit } from './class-split.ts';
import { coco } from './coco.ts';
import type { Importer } from './importer.ts';
import { openImages } from './open-images.ts';
import { pets } from './pets.ts';
import { tfrecord } from './tfrecord.ts';
import { voc } from './voc.ts';
import { webdataset } from './webdataset.ts';
import { yolo } from './yolo.ts';

/** In the order in which they are asked whether a layout is theirs: the more particular first. */
export const importers: readonly Importer[] = [
  classSplit,
  tfrecord,
  webdataset,
  openImages,
  pets,
  bdd100k,
  coco,
  voc,
  yolo,
];
