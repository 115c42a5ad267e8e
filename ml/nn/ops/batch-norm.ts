import * as tf from '@tensorflow/tfjs';

/** Vectors of one value a channel. */
export interface BatchNormParams {
  readonly gamma: tf.Tensor;
  readonly beta: tf.Tensor;
  readonly movingMean: tf.Tensor;
  readonly movingVariance: tf.Tensor;
}

/** γ(x − mean)/√(variance + ε) + β as one multiply and one add a channel: `scale` and `shift`, both [channels]. */
export function batchNormAffine(p: BatchNormParams, epsilon: number): { scale: tf.Tensor; shift: tf.Tensor } {
  const scale = tf.mul(p.gamma, tf.rsqrt(tf.add(p.movingVariance, epsilon)));
  return { scale, shift: tf.sub(p.beta, tf.mul(p.movingMean, scale)) };
}

/**
 * BatchNorm with the statistics of the batch (Ioffe and Szegedy 1502.03167, algorithm 1) of x [batch, height, width,
 * channels]. `momentum` is what the moving averages keep of their old value. As in TensorFlow and PyTorch, the moving
 * variance takes the unbiased variance, the normalization the biased one.
 */
export function batchNormTraining(
  x: tf.Tensor,
  p: BatchNormParams,
  epsilon: number,
  momentum: number,
): { y: tf.Tensor; movingMean: tf.Tensor; movingVariance: tf.Tensor } {
  const axes = x.shape.slice(0, -1).map((_, axis) => axis);
  const count = axes.reduce((product, axis) => product * (x.shape[axis] ?? 1), 1);
  const { mean, variance } = tf.moments(x, axes);
  const normalized = tf.mul(tf.sub(x, mean), tf.rsqrt(tf.add(variance, epsilon)));
  const unbiased = tf.mul(variance, count / Math.max(1, count - 1));
  return {
    y: tf.add(tf.mul(normalized, p.gamma), p.beta),
    movingMean: tf.add(tf.mul(p.movingMean, momentum), tf.mul(mean, 1 - momentum)),
    movingVariance: tf.add(tf.mul(p.movingVariance, momentum), tf.mul(unbiased, 1 - momentum)),
  };
}
