import { boxCount, sidesAt } from './boxes.ts';
import type { Boxes } from './boxes.ts';

/** What the four codes are multiplied by: y, x, height, width. */
export type CodeScales = readonly [number, number, number, number];

/** Of the published SSD and Faster R-CNN configurations. */
export const defaultScales: CodeScales = [10, 10, 5, 5];

/** Keeps logarithm and quotient finite (research/object_detection `box_coders/faster_rcnn_box_coder.py`). */
export const CODE_EPSILON = 1e-8;

/**
 * Boxes against their anchors, one to one (Ren et al. 1506.01497 eq. 2): ty = (y − yₐ)/hₐ, tx = (x − xₐ)/wₐ, th = ln(h/hₐ),
 * tw = ln(w/wₐ), each times its scale; y and x are centres. Gives four codes a box, back to back.
 */
export function encodeBoxes(boxes: Boxes, anchors: Boxes, scales: CodeScales = defaultScales): Float32Array {
  const codes = new Float32Array(boxes.length);
  for (let index = 0; index < boxCount(boxes); index++) {
    const box = centreOf(sidesAt(boxes, index));
    const anchor = centreOf(sidesAt(anchors, index));
    const [height, width] = [anchor.height + CODE_EPSILON, anchor.width + CODE_EPSILON];
    codes.set(
      [
        ((box.y - anchor.y) / height) * scales[0],
        ((box.x - anchor.x) / width) * scales[1],
        Math.log((box.height + CODE_EPSILON) / height) * scales[2],
        Math.log((box.width + CODE_EPSILON) / width) * scales[3],
      ],
      index * 4,
    );
  }
  return codes;
}

/** The boxes that codes stand for: the way back. */
export function decodeBoxes(codes: Boxes, anchors: Boxes, scales: CodeScales = defaultScales): Float32Array {
  const boxes = new Float32Array(codes.length);
  for (let index = 0; index < boxCount(codes); index++) {
    const [ty, tx, th, tw] = sidesAt(codes, index);
    const anchor = centreOf(sidesAt(anchors, index));
    const y = (ty / scales[0]) * anchor.height + anchor.y;
    const x = (tx / scales[1]) * anchor.width + anchor.x;
    const halfHeight = (Math.exp(th / scales[2]) * anchor.height) / 2;
    const halfWidth = (Math.exp(tw / scales[3]) * anchor.width) / 2;
    boxes.set([y - halfHeight, x - halfWidth, y + halfHeight, x + halfWidth], index * 4);
  }
  return boxes;
}

function centreOf([top, left, bottom, right]: readonly [number, number, number, number]) {
  const [height, width] = [bottom - top, right - left];
  return { y: top + height / 2, x: left + width / 2, height, width };
}
