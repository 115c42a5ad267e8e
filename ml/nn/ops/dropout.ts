import * as tf from '@tensorflow/tfjs';
import { stream } from '../../../core/rng.ts';

/**
 * Inverted dropout (Srivastava et al. 2014 §10): keeps an element with probability 1 − rate, scaled by 1/(1 − rate).
 * The mask is a function of (seed, element) alone, so it is the same on every backend and machine.
 */
export function dropout(x: tf.Tensor, rate: number, seed: number): tf.Tensor {
  if (!(rate >= 0 && rate < 1)) throw new Error(`dropout rate ${rate} outside [0, 1)`);
  if (rate === 0) return x.clone();
  const mask = tf.tensor(dropoutMask(x.size, rate, seed), x.shape, 'float32');
  return tf.mul(x, mask);
}

/** `size` values: 0 or 1/(1 − rate). */
export function dropoutMask(size: number, rate: number, seed: number): Float32Array {
  const random = stream(seed, 'dropout');
  const threshold = rate * 0x1_0000_0000;
  const kept = 1 / (1 - rate);
  const mask = new Float32Array(size);
  for (let i = 0; i < size; i += 4) {
    for (const [lane, word] of random.words(0, i / 4).entries()) {
      if (i + lane < size) mask[i + lane] = word >= threshold ? kept : 0;
    }
  }
  return mask;
}
