import * as tf from '@tensorflow/tfjs';
import { isNative, runNativeOne } from '../nn/ops/native.ts';

/**
 * Images [n, height, width, channels] through transforms [n, 8] (core/augment/transform.ts): bilinear, black beyond the
 * border. A transform that takes pixel centres to pixel centres moves pixels exactly.
 */
export function projectiveTransform(images: tf.Tensor4D, transforms: tf.Tensor): tf.Tensor4D {
  const [n, height, width, channels] = images.shape;
  const eights = tf.reshape<tf.Rank.R2>(transforms, [n, 8]);
  if (!isNative()) return oneByOne(images, eights);
  const moved = runNativeOne(
    'ImageProjectiveTransformV3',
    [images, eights, tf.tensor1d([height, width], 'int32'), tf.scalar(0)],
    { floatTypes: ['dtype'], strings: { interpolation: 'BILINEAR', fill_mode: 'CONSTANT' } },
  );
  return tf.reshape(moved, [n, height, width, channels]);
}

/** The JavaScript backend of tfjs 4.22 returns from its loop over the batch after the first image. */
function oneByOne(images: tf.Tensor4D, transforms: tf.Tensor2D): tf.Tensor4D {
  const [n, height, width, channels] = images.shape;
  const rows = Array.from({ length: n }, (_, i) => {
    const image = tf.slice4d(images, [i, 0, 0, 0], [1, height, width, channels]);
    return tf.image.transform(image, tf.slice2d(transforms, [i, 0], [1, 8]), 'bilinear', 'constant', 0);
  });
  return tf.concat4d(rows, 0);
}
