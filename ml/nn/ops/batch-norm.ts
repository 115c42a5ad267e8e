import * as tf from '@tensorflow/tfjs';
import { hasOwnKernels } from '../../native/kernels.ts';
import type { Activation } from './activation.ts';
import { activate } from './activation.ts';
import { isNative, NATIVE_BACKEND, runNative } from './native.ts';
import { isFusible, ownBatchNorm } from './own-batch-norm.ts';

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

export interface NormalizedBatch {
  /** Behind the activation. */
  readonly y: tf.Tensor;
  readonly movingMean: tf.Tensor;
  readonly movingVariance: tf.Tensor;
}

/** `momentum` is what the moving averages keep of their old value. */
export interface BatchNormTraining {
  readonly epsilon: number;
  readonly momentum: number;
  readonly activation: Activation;
}

/**
 * BatchNorm with the statistics of the batch (Ioffe and Szegedy 1502.03167, algorithm 1) of x [batch, height, width,
 * channels], and the activation behind it. As in TensorFlow and PyTorch, the moving variance takes the unbiased variance, the
 * normalization the biased one. Gradients flow to x, gamma and beta.
 */
export function batchNormTraining(x: tf.Tensor, p: BatchNormParams, options: BatchNormTraining): NormalizedBatch {
  const { epsilon, momentum, activation } = options;
  if (hasOwnKernels()) {
    const fused = isFusible(activation);
    const normalized = ownBatchNorm(x, p, { epsilon, momentum, activation: fused ? activation : 'linear' });
    return fused ? normalized : { ...normalized, y: activate(normalized.y, activation) };
  }
  const plain = isNative() ? fusedBatchNorm : plainBatchNorm;
  const normalized = plain(x, p, epsilon, momentum);
  return { ...normalized, y: activate(normalized.y, activation) };
}

/** The formula in tfjs's own operations: what the fused kernel is tested against. */
export function plainBatchNorm(x: tf.Tensor, p: BatchNormParams, epsilon: number, momentum: number): NormalizedBatch {
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

const FUSED = 'GraftFusedBatchNorm';

/** The same by TensorFlow's own kernel. */
export function fusedBatchNorm(x: tf.Tensor, p: BatchNormParams, epsilon: number, momentum: number): NormalizedBatch {
  const inputs = { x, gamma: p.gamma, beta: p.beta, movingMean: p.movingMean, movingVariance: p.movingVariance };
  const outputs = tf.engine().runKernel<tf.Tensor[]>(FUSED, inputs, { epsilon, momentum });
  const [y, movingMean, movingVariance] = outputs;
  if (y === undefined || movingMean === undefined || movingVariance === undefined) throw new Error(`${FUSED}: outputs`);
  return { y, movingMean, movingVariance };
}

// Outputs of FusedBatchNormV3: y, the two moving averages, and three tensors that only its gradient understands.
tf.registerKernel({
  kernelName: FUSED,
  backendName: NATIVE_BACKEND,
  kernelFunc: ({ inputs, attrs }) => {
    const { x, gamma, beta, movingMean, movingVariance } = inputs;
    if (!x || !gamma || !beta || !movingMean || !movingVariance) throw new Error(`${FUSED}: inputs`);
    const floats = { epsilon: Number(attrs?.['epsilon']), exponential_avg_factor: 1 - Number(attrs?.['momentum']) };
    const all = [x, gamma, beta, movingMean, movingVariance];
    return runNative('FusedBatchNormV3', all, { ...COMMON, floats }, 6);
  },
});

tf.registerGradient({
  kernelName: FUSED,
  inputsToSave: ['x', 'gamma'],
  outputsToSave: [false, false, false, true, true, true],
  gradFunc: (dy, saved, attrs) => {
    const dyOfY = Array.isArray(dy) ? dy[0] : dy;
    const [x, gamma, ...reserved] = saved;
    if (dyOfY === undefined || x === undefined || gamma === undefined) throw new Error(`${FUSED}: saved tensors`);
    const floats = { epsilon: Number(attrs['epsilon']) };
    const inputs = [dyOfY, x, gamma, ...reserved];
    const [dx, dGamma, dBeta] = runNative('FusedBatchNormGradV3', inputs, { ...COMMON, floats }, 5);
    if (dx === undefined || dGamma === undefined || dBeta === undefined) throw new Error(`${FUSED}: gradients`);
    return { x: () => dx, gamma: () => dGamma, beta: () => dBeta };
  },
});

const COMMON = {
  floatTypes: ['T', 'U'],
  strings: { data_format: 'NHWC' },
  bools: { is_training: true },
};
