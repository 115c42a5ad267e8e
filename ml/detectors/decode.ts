import * as tf from '@tensorflow/tfjs';
import { defaultScales } from '../../core/detection/box-coder.ts';
import type { CodeScales } from '../../core/detection/box-coder.ts';
import { fourOf } from '../losses/localization.ts';

/** As core/detection/box-coder.ts `decodeBoxes`, in the graph: codes [..., anchors, 4] → boxes of the same shape. */
export function decodeInGraph(codes: tf.Tensor, anchors: tf.Tensor, scales: CodeScales = defaultScales): tf.Tensor {
  return tf.tidy(() => {
    const [top, left, bottom, right] = fourOf(anchors);
    const [ty, tx, th, tw] = fourOf(codes);
    const [height, width] = [bottom.sub(top), right.sub(left)];
    const y = ty
      .div(scales[0])
      .mul(height)
      .add(top.add(height.mul(0.5)));
    const x = tx
      .div(scales[1])
      .mul(width)
      .add(left.add(width.mul(0.5)));
    const halfHeight = th.div(scales[2]).exp().mul(height).mul(0.5);
    const halfWidth = tw.div(scales[3]).exp().mul(width).mul(0.5);
    return tf.stack([y.sub(halfHeight), x.sub(halfWidth), y.add(halfHeight), x.add(halfWidth)], -1);
  });
}
