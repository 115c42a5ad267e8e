import * as tf from '@tensorflow/tfjs';

/**
 * Each image [height, width, channels] of a batch blurred with its own taps [n, 2·radius + 1], down and then across; the
 * pixels at the border go on beyond it. All channels of all images stand side by side as the channels of one picture, so
 * two depthwise convolutions do it. Taps that are 0 but for a 1 in the middle leave their image exactly as it is.
 */
export function blur(images: tf.Tensor4D, taps: tf.Tensor): tf.Tensor4D {
  const [n, height, width, channels] = images.shape;
  const count = taps.shape[1] ?? 1;
  const sideBySide = tf.reshape<tf.Rank.R4>(tf.transpose(images, [1, 2, 0, 3]), [1, height, width, n * channels]);
  const perChannel = tf.tile(tf.reshape(tf.transpose(taps), [count, n, 1]), [1, 1, channels]);
  const down = tf.reshape<tf.Rank.R4>(perChannel, [count, 1, n * channels, 1]);
  const across = tf.reshape<tf.Rank.R4>(perChannel, [1, count, n * channels, 1]);
  const half = tf.depthwiseConv2d(extended(sideBySide, 1, count), down, 1, 'valid');
  const whole = tf.depthwiseConv2d(extended(half, 2, count), across, 1, 'valid');
  return tf.transpose(tf.reshape<tf.Rank.R4>(whole, [height, width, n, channels]), [2, 0, 1, 3]);
}

/** The picture with ⌊count/2⌋ copies of its first and last line before and behind. */
function extended(x: tf.Tensor4D, axis: 1 | 2, count: number): tf.Tensor4D {
  const length = x.shape[axis];
  const radius = (count - 1) / 2;
  const from = Int32Array.from({ length: length + 2 * radius }, (_, i) =>
    Math.min(Math.max(i - radius, 0), length - 1),
  );
  return tf.gather(x, tf.tensor1d(from, 'int32'), axis);
}
