import type { Box } from './annotations.ts';
import type { PictureSize } from './settle.ts';

/** Edges alone: see Box. */
export type Edges = Pick<Box, 'xMin' | 'yMin' | 'xMax' | 'yMax'>;

/**
 * Pascal VOC: whole pixels counted from 1, the last one inside (VOC2012 devkit_doc, §4). A box around a picture of
 * 100×80 is 1, 1, 100, 80.
 */
export interface VocBox {
  readonly xmin: number;
  readonly ymin: number;
  readonly xmax: number;
  readonly ymax: number;
}

export const fromVoc = ({ xmin, ymin, xmax, ymax }: VocBox): Edges => ({
  xMin: xmin - 1,
  yMin: ymin - 1,
  xMax: xmax,
  yMax: ymax,
});

/** To the nearest whole pixels, at least one of them and within the picture: no edge moves by more than a half but to stay a pixel wide. */
export function toVoc(box: Edges, picture: PictureSize): VocBox {
  const [xmin, xmax] = wholePixels(box.xMin, box.xMax, picture.width);
  const [ymin, ymax] = wholePixels(box.yMin, box.yMax, picture.height);
  return { xmin, ymin, xmax, ymax };
}

function wholePixels(from: number, to: number, length: number): [first: number, last: number] {
  const start = Math.min(Math.max(0, Math.round(from)), length - 1);
  const end = Math.min(Math.max(start + 1, Math.round(to)), length);
  return [start + 1, end];
}

/** COCO `bbox`: left, top, width, height, in pixels as edges. */
export type CocoBox = readonly [x: number, y: number, width: number, height: number];

export const fromCoco = ([x, y, width, height]: CocoBox): Edges => ({
  xMin: x,
  yMin: y,
  xMax: x + width,
  yMax: y + height,
});

export const toCoco = ({ xMin, yMin, xMax, yMax }: Edges): CocoBox => [xMin, yMin, xMax - xMin, yMax - yMin];

/** YOLO: centre, width and height as shares of the picture's sides. */
export type YoloBox = readonly [xCentre: number, yCentre: number, width: number, height: number];

/** Still in shares: `scaleBox` takes them to pixels. */
export const fromYolo = ([x, y, width, height]: YoloBox): Edges => ({
  xMin: x - width / 2,
  yMin: y - height / 2,
  xMax: x + width / 2,
  yMax: y + height / 2,
});

export function toYolo({ xMin, yMin, xMax, yMax }: Edges, { width, height }: PictureSize): YoloBox {
  return [(xMin + xMax) / 2 / width, (yMin + yMax) / 2 / height, (xMax - xMin) / width, (yMax - yMin) / height];
}
