import * as tf from '@tensorflow/tfjs';

/**
 * Huber’s loss, element by element (Girshick 1504.08083 eq. 3 with δ = 1): ½d² up to δ, δ·(|d| − ½δ) beyond. Written
 * without a branch, through the part of |d| that lies within δ.
 */
export function huber(predicted: tf.Tensor, target: tf.Tensor, delta = 1): tf.Tensor {
  return tf.tidy(() => {
    const distance = predicted.sub(target).abs();
    const within = tf.minimum(distance, delta);
    return within.square().mul(0.5).add(distance.sub(within).mul(delta));
  });
}

/**
 * 1 − GIoU of boxes [..., 4] as ymin, xmin, ymax, xmax, matched one to one (Rezatofighi et al. 1902.09630): IoU less the
 * share of the smallest box around both that neither covers. In [0, 2]; 0 where the boxes are equal.
 */
export function generalizedIou(predicted: tf.Tensor, target: tf.Tensor): tf.Tensor {
  return tf.tidy(() => {
    const [top, left, bottom, right] = fourOf(predicted);
    const [otherTop, otherLeft, otherBottom, otherRight] = fourOf(target);
    const area = tf.relu(bottom.sub(top)).mul(tf.relu(right.sub(left)));
    const otherArea = tf.relu(otherBottom.sub(otherTop)).mul(tf.relu(otherRight.sub(otherLeft)));
    const height = tf.relu(tf.minimum(bottom, otherBottom).sub(tf.maximum(top, otherTop)));
    const width = tf.relu(tf.minimum(right, otherRight).sub(tf.maximum(left, otherLeft)));
    const shared = height.mul(width);
    const union = area.add(otherArea).sub(shared);
    const hullHeight = tf.maximum(bottom, otherBottom).sub(tf.minimum(top, otherTop));
    const hullWidth = tf.maximum(right, otherRight).sub(tf.minimum(left, otherLeft));
    const hull = hullHeight.mul(hullWidth);
    const iou = shared.div(union.add(SMALLEST));
    return tf.sub(1, iou).add(hull.sub(union).div(hull.add(SMALLEST)));
  });
}

/** Keeps the quotients of boxes without area finite. */
const SMALLEST = 1e-7;

/** The four entries of the last axis, each [...]: the edges of boxes, or their codes. */
export function fourOf(x: tf.Tensor): [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor] {
  const [a, b, c, d] = tf.unstack(x, -1);
  if (!a || !b || !c || !d) throw new Error(`not four numbers: [${x.shape.join(', ')}]`);
  return [a, b, c, d];
}
