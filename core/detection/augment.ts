import { boxMover } from '../augment/boxes.ts';
import type { ImageBox } from '../augment/boxes.ts';
import { drawBoxShares, rowUniforms } from '../augment/draws.ts';
import type { RowAddress } from '../augment/draws.ts';
import { drawTransform } from '../augment/geometry.ts';
import type { AugmentSettings, BoxCropSettings } from '../augment/settings.ts';
import { compose, cropTo, IDENTITY } from '../augment/transform.ts';
import type { Size, Transform } from '../augment/transform.ts';
import { boxCount, sidesAt } from './boxes.ts';
import type { Objects } from './targets.ts';

/** Draws of a part before the picture stays whole (`sample_distorted_bounding_box` tries 100 times). */
const TRIES = 50;
/** Without a rule of boxCrop: an object of which less is left inside is gone. */
const MIN_KEPT = 0.3;

export interface AugmentedObjects {
  readonly objects: Objects;
  readonly transform: Transform;
}

/** The one transform of an image (SSD’s random part first, then the rest), and its objects where that puts them. */
export function augmentObjects(
  objects: Objects,
  settings: AugmentSettings,
  address: RowAddress,
  size: Size,
): AugmentedObjects {
  const part = settings.boxCrop ? drawPart(objects, settings.boxCrop, address, size) : IDENTITY;
  const transform = compose(part, drawTransform(settings, address, size));
  return { objects: moved(objects, transform, size, settings.boxCrop?.minKept ?? MIN_KEPT), transform };
}

/** A part of the drawn area and shape that shows the drawn share of some object; the whole picture where none is found. */
function drawPart(objects: Objects, settings: BoxCropSettings, address: RowAddress, size: Size): Transform {
  const [keep, which] = rowUniforms(address, 'box-crop');
  const { minCovered } = settings;
  const covered = minCovered[Math.min(minCovered.length - 1, Math.floor(which * minCovered.length))] ?? 0;
  if (keep < settings.keep || boxCount(objects.boxes) === 0) return IDENTITY;
  const boxes = pixelBoxes(objects, size);
  for (let attempt = 1; attempt <= TRIES; attempt++) {
    const [area, aspect, left, top] = rowUniforms(address, 'box-crop', attempt);
    const part = cropTo({ ...drawBoxShares([area, aspect], settings), left, top }, size);
    const move = boxMover(part, size);
    const shares = boxes.map((box) => move(box).keptShare);
    // What is left must be learnable: a part without any object teaches the background alone.
    if (Math.max(...shares) >= Math.max(covered, settings.minKept)) return part;
  }
  return IDENTITY;
}

function moved({ boxes, labels }: Objects, transform: Transform, size: Size, minKept: number): Objects {
  const [sides, kept]: [number[], number[]] = [[], []];
  const move = boxMover(transform, size);
  for (const [index, box] of pixelBoxes({ boxes }, size).entries()) {
    const { box: at, keptShare } = move(box);
    if (keptShare < minKept || at.x1 <= at.x0 || at.y1 <= at.y0) continue;
    const { heightPx, widthPx } = size;
    sides.push(at.y0 / heightPx, at.x0 / widthPx, at.y1 / heightPx, at.x1 / widthPx);
    kept.push(labels[index] ?? 0);
  }
  return { boxes: Float64Array.from(sides), labels: kept };
}

function pixelBoxes({ boxes }: Pick<Objects, 'boxes'>, { heightPx, widthPx }: Size): ImageBox[] {
  return Array.from({ length: boxCount(boxes) }, (_, index) => {
    const [top, left, bottom, right] = sidesAt(boxes, index);
    return { y0: top * heightPx, x0: left * widthPx, y1: bottom * heightPx, x1: right * widthPx };
  });
}
