import * as tf from '@tensorflow/tfjs';
import { stream } from '../../core/rng.ts';
import { isNative, runNativeOne } from '../nn/ops/native.ts';
import { perImage } from './inputs.ts';

/**
 * Gaussian noise [n, height, width, channels] with the standard deviations `levels` [n]. An image's noise is a function of
 * its own seed, a row of `seeds` int32 [n, 2], and so of its address: one StatelessRandomNormal (Philox) an image, two
 * nodes of a graph each. Hashing a grid of counters in integer operations would be one for the batch, but some ten
 * passes over the pixels.
 *
 * Elsewhere than on native TensorFlow the seeds are read and the normals drawn in JavaScript: other noise, as
 * reproducible.
 */
export function noise(
  shape: readonly [number, number, number, number],
  seeds: tf.Tensor,
  levels: tf.Tensor,
): tf.Tensor4D {
  const [, height, width, channels] = shape;
  const standard = isNative() ? nativeNormals(seeds, [height, width, channels]) : plainNormals(seeds, shape);
  return tf.mul(standard, perImage(levels, 4));
}

function nativeNormals(seeds: tf.Tensor, cell: readonly [number, number, number]): tf.Tensor {
  const size = tf.tensor1d([...cell], 'int32');
  const attributes = { floatTypes: ['dtype'], intTypes: ['T', 'Tseed'] };
  const images = tf.unstack(seeds, 0).map((seed) => runNativeOne('StatelessRandomNormal', [size, seed], attributes));
  return tf.stack(images, 0);
}

function plainNormals(seeds: tf.Tensor, shape: readonly [number, number, number, number]): tf.Tensor {
  const words = seeds.dataSync();
  const count = shape[1] * shape[2] * shape[3];
  const values = new Float32Array(shape[0] * count);
  for (let row = 0; row < shape[0]; row++) {
    const [first = 0, second = 0] = words.slice(2 * row, 2 * row + 2);
    const random = stream(first >>> 0, 'augment/noise-pixels');
    for (let i = 0; i < count; i++) values[row * count + i] = random.normal(second >>> 0, i);
  }
  return tf.tensor4d(values, [...shape]);
}
