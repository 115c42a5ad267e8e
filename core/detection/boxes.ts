/**
 * Boxes as detectors compute with them: `[ymin, xmin, ymax, xmax]`, four numbers a box back to back, in shares of the
 * image’s height and width (0 the top and left edge, 1 the bottom and right), as the TF Object Detection API has them.
 */
export type Boxes = Float32Array | Float64Array;

/** How many boxes there are. */
export const boxCount = (boxes: Boxes): number => boxes.length / 4;

/** Intersection over union of box `i` of `a` and box `j` of `b`, in [0, 1]; 0 where a box has no area. */
export function iouAt(a: Boxes, i: number, b: Boxes, j: number): number {
  const [top, left, bottom, right] = sidesAt(a, i);
  const [otherTop, otherLeft, otherBottom, otherRight] = sidesAt(b, j);
  const height = Math.min(bottom, otherBottom) - Math.max(top, otherTop);
  const width = Math.min(right, otherRight) - Math.max(left, otherLeft);
  if (height <= 0 || width <= 0) return 0;
  const shared = height * width;
  return shared / ((bottom - top) * (right - left) + (otherBottom - otherTop) * (otherRight - otherLeft) - shared);
}

/** [rows of `a` × rows of `b`], row-major: `iouAt` of every pair, without a list for each, as it is made for every step. */
export function iouMatrix(a: Boxes, b: Boxes): Float64Array {
  const [rows, columns] = [boxCount(a), boxCount(b)];
  const matrix = new Float64Array(rows * columns);
  for (let i = 0; i < rows; i++) {
    const [top, left, bottom, right] = sidesAt(a, i);
    const area = (bottom - top) * (right - left);
    for (let j = 0, at = 0; j < columns; j++, at += 4) {
      const [otherTop, otherLeft] = [b[at] ?? 0, b[at + 1] ?? 0];
      const [otherBottom, otherRight] = [b[at + 2] ?? 0, b[at + 3] ?? 0];
      const height = Math.min(bottom, otherBottom) - Math.max(top, otherTop);
      const width = Math.min(right, otherRight) - Math.max(left, otherLeft);
      if (height <= 0 || width <= 0) continue;
      const shared = height * width;
      matrix[i * columns + j] = shared / (area + (otherBottom - otherTop) * (otherRight - otherLeft) - shared);
    }
  }
  return matrix;
}

/** `[ymin, xmin, ymax, xmax]` of one box. */
export function sidesAt(boxes: Boxes, index: number): readonly [number, number, number, number] {
  const at = index * 4;
  return [boxes[at] ?? 0, boxes[at + 1] ?? 0, boxes[at + 2] ?? 0, boxes[at + 3] ?? 0];
}
