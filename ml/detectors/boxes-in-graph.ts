import * as tf from '@tensorflow/tfjs';
import { CODE_EPSILON, defaultScales } from '../../core/detection/box-coder.ts';
import type { CodeScales } from '../../core/detection/box-coder.ts';
import { fourOf } from '../losses/localization.ts';

/** As core/detection/box-coder.ts `encodeBoxes`, in the graph: boxes [..., 4] against anchors of the same shape. */
export function encodeInGraph(boxes: tf.Tensor, anchors: tf.Tensor, scales: CodeScales = defaultScales): tf.Tensor {
  return tf.tidy(() => {
    const [box, anchor] = [centreOf(boxes), centreOf(anchors)];
    const [height, width] = [anchor.height.add(CODE_EPSILON), anchor.width.add(CODE_EPSILON)];
    const ty = box.y.sub(anchor.y).div(height).mul(scales[0]);
    const tx = box.x.sub(anchor.x).div(width).mul(scales[1]);
    const th = box.height.add(CODE_EPSILON).div(height).log().mul(scales[2]);
    const tw = box.width.add(CODE_EPSILON).div(width).log().mul(scales[3]);
    return tf.stack([ty, tx, th, tw], -1);
  });
}

function centreOf(boxes: tf.Tensor) {
  const [top, left, bottom, right] = fourOf(boxes);
  const [height, width] = [bottom.sub(top), right.sub(left)];
  return { y: top.add(height.mul(0.5)), x: left.add(width.mul(0.5)), height, width };
}

/** Intersection over union of boxes [batch, n, 4] and [batch, m, 4]: [batch, n, m]; 0 where either has no area. */
export function iouInGraph(a: tf.Tensor, b: tf.Tensor): tf.Tensor {
  return tf.tidy(() => {
    const [batch = 1, n = 1] = a.shape;
    const [top, left, bottom, right] = fourOf(a.reshape([batch, n, 1, 4]));
    const [otherTop, otherLeft, otherBottom, otherRight] = fourOf(b.reshape([batch, 1, -1, 4]));
    const height = tf.relu(tf.minimum(bottom, otherBottom).sub(tf.maximum(top, otherTop)));
    const width = tf.relu(tf.minimum(right, otherRight).sub(tf.maximum(left, otherLeft)));
    const shared = height.mul(width);
    const area = bottom.sub(top).mul(right.sub(left));
    const otherArea = otherBottom.sub(otherTop).mul(otherRight.sub(otherLeft));
    const union = area.add(otherArea).sub(shared);
    return shared.div(tf.maximum(union, SMALLEST));
  });
}

/** Keeps the quotient of two boxes without area finite. */
const SMALLEST = 1e-12;
