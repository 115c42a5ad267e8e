import * as tf from '@tensorflow/tfjs';
import { preprocess } from '../nn/preprocessing.ts';
import type { Preprocessing } from '../nn/preprocessing.ts';

/**
 * Pixels [batch, height, width, channels] as float32 0–255 → the network's input [batch, height, width, 3]: gray is
 * repeated over three channels, then the backbone's own normalization.
 */
export function imageBatch(pixels: tf.Tensor, preprocessing: Preprocessing): tf.Tensor {
  return tf.tidy(() => preprocess(preprocessing, pixels.shape[3] === 1 ? tf.tile(pixels, [1, 1, 1, 3]) : pixels));
}
