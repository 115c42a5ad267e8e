import * as tf from '@tensorflow/tfjs';
import { stream } from '../../../core/rng.ts';

/** Normal values, the same for the same seed, name and shape. */
export function normalValues(seed: number, name: string, shape: number[], scale = 1, shift = 0): tf.Tensor {
  const random = stream(seed, name);
  const count = shape.reduce((product, size) => product * size, 1);
  return tf.tensor(
    Float32Array.from({ length: count }, (_, i) => random.normal(0, i) * scale + shift),
    shape,
  );
}

/** Largest difference, relative to the largest value of `b`. Throws where the shapes differ. */
export function distance(a: tf.Tensor, b: tf.Tensor): number {
  if (a.shape.join() !== b.shape.join()) throw new Error(`[${a.shape.join(', ')}] is not [${b.shape.join(', ')}]`);
  return tf.tidy(() => {
    const scale = tf.maximum(tf.max(tf.abs(b)), 1e-6);
    return Number(tf.div(tf.max(tf.abs(tf.sub(a, b))), scale).dataSync()[0]);
  });
}

/** Gradients of Σ w ∘ f(inputs) with w from `seed`. */
export function gradientsOf(seed: number, f: (...inputs: tf.Tensor[]) => tf.Tensor, inputs: tf.Tensor[]): tf.Tensor[] {
  return tf.grads((...given: tf.Tensor[]) => {
    const y = f(...given);
    return tf.sum(tf.mul(y, normalValues(seed, 'w', y.shape)));
  })(inputs);
}
