import type { Size, Transform } from './transform.ts';
import { applyTransform, invert } from './transform.ts';

/** An axis-aligned box in pixels from the top left edge: the whole picture is 0, 0, width, height. */
export interface ImageBox {
  readonly x0: number;
  readonly y0: number;
  readonly x1: number;
  readonly y1: number;
}

export interface MovedBox {
  readonly box: ImageBox;
  /** Share of the moved box that lies inside the picture: 0 for one that is gone. */
  readonly keptShare: number;
}

/**
 * Where a box of the input picture lies after `transform` (which goes from output to input pixels): the bounds of its
 * four corners, cut at the border of the picture.
 */
export function moveBox(box: ImageBox, transform: Transform, size: Size): MovedBox {
  return boxMover(transform, size)(box);
}

/** `moveBox` of many boxes: the way back is worked out once. */
export function boxMover(transform: Transform, size: Size): (box: ImageBox) => MovedBox {
  const forward = invert(transform);
  return (box) => {
    const moved = cornersBounds(box, forward);
    const clipped = clip(moved, size);
    const area = areaOf(moved);
    return { box: clipped, keptShare: area > 0 ? areaOf(clipped) / area : 0 };
  };
}

/** Bounds of the corners after `forward`, from input to output pixels. Edges lie half a pixel before the centres. */
export function cornersBounds(box: ImageBox, forward: Transform): ImageBox {
  let [x0, y0, x1, y1] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const x of [box.x0, box.x1]) {
    for (const y of [box.y0, box.y1]) {
      const [outX, outY] = applyTransform(forward, [x - 0.5, y - 0.5]);
      [x0, x1] = [Math.min(x0, outX + 0.5), Math.max(x1, outX + 0.5)];
      [y0, y1] = [Math.min(y0, outY + 0.5), Math.max(y1, outY + 0.5)];
    }
  }
  return { x0, y0, x1, y1 };
}

function clip({ x0, y0, x1, y1 }: ImageBox, { heightPx, widthPx }: Size): ImageBox {
  const within = (value: number, max: number): number => Math.min(Math.max(value, 0), max);
  return { x0: within(x0, widthPx), y0: within(y0, heightPx), x1: within(x1, widthPx), y1: within(y1, heightPx) };
}

function areaOf({ x0, y0, x1, y1 }: ImageBox): number {
  return Math.max(0, x1 - x0) * Math.max(0, y1 - y0);
}
