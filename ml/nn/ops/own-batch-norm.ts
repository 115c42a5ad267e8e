import * as tf from '@tensorflow/tfjs';
import type { Activation } from './activation.ts';
import type { BatchNormParams, BatchNormTraining, NormalizedBatch } from './batch-norm.ts';
import { NATIVE_BACKEND, runNative } from './native.ts';

/** Activations that the kernel computes itself, by its own numbers. */
const NUMBERS = { linear: 0, relu: 1, relu6: 2 } as const;
type Fusible = keyof typeof NUMBERS;

export function isFusible(activation: Activation): activation is Fusible {
  return activation in NUMBERS;
}

/**
 * As `batchNormTraining`, by graft's own kernel: BatchNorm and activation in two passes over x, their gradients in two over
 * x and dy (infra/native/kernels/batch-norm.cc). Only where `hasOwnKernels()`.
 */
export function ownBatchNorm(
  x: tf.Tensor,
  p: BatchNormParams,
  { epsilon, momentum, activation }: BatchNormTraining & { readonly activation: Fusible },
): NormalizedBatch {
  const inputs = { x, gamma: p.gamma, beta: p.beta, movingMean: p.movingMean, movingVariance: p.movingVariance };
  const attributes = { epsilon, factor: 1 - momentum, activation: NUMBERS[activation] };
  const [y, movingMean, movingVariance] = tf.engine().runKernel<tf.Tensor[]>(OWN, inputs, attributes);
  if (y === undefined || movingMean === undefined || movingVariance === undefined) throw new Error(`${OWN}: outputs`);
  return { y, movingMean, movingVariance };
}

const OWN = 'GraftOwnBatchNorm';

interface Attributes {
  readonly [name: string]: unknown;
}

function attributesOf(attrs: Attributes | undefined) {
  const floats = { epsilon: Number(attrs?.['epsilon']), factor: Number(attrs?.['factor']) };
  return { floats, ints: { activation: Number(attrs?.['activation']) }, floatTypes: [] };
}

tf.registerKernel({
  kernelName: OWN,
  backendName: NATIVE_BACKEND,
  kernelFunc: ({ inputs, attrs }) => {
    const { x, gamma, beta, movingMean, movingVariance } = inputs;
    if (!x || !gamma || !beta || !movingMean || !movingVariance) throw new Error(`${OWN}: inputs`);
    return runNative('GraftBatchNorm', [x, gamma, beta, movingMean, movingVariance], attributesOf(attrs), 5);
  },
});

tf.registerGradient({
  kernelName: OWN,
  inputsToSave: ['x', 'gamma', 'beta'],
  // The mean and 1/√(variance + ε) of the batch; what the activation let pass is computed from x again.
  outputsToSave: [false, false, false, true, true],
  gradFunc: (dy, saved, attrs) => {
    const dyOfY = Array.isArray(dy) ? dy[0] : dy;
    if (dyOfY === undefined || saved.length !== 5) throw new Error(`${OWN}: saved tensors`);
    const [dx, dGamma, dBeta] = runNative('GraftBatchNormGrad', [dyOfY, ...saved], attributesOf(attrs), 3);
    if (dx === undefined || dGamma === undefined || dBeta === undefined) throw new Error(`${OWN}: gradients`);
    return { x: () => dx, gamma: () => dGamma, beta: () => dBeta };
  },
});
