import * as tf from '@tensorflow/tfjs';
import { isRank4 } from './padding.ts';

/**
 * Mean of each 3 × 3 window around a pixel of x [batch, height, width, channels], of those values that lie inside: TensorFlow
 * and Keras leave a border out of the count (in PyTorch: `count_include_pad=False`).
 */
export function averageAround(x: tf.Tensor): tf.Tensor {
  if (!isRank4(x)) throw new Error(`average pooling of [${x.shape.join(', ')}]`);
  return tf.avgPool(x, 3, 1, 'same');
}
