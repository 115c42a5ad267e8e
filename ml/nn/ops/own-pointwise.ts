import * as tf from '@tensorflow/tfjs';
import { hasOwnKernels } from '../../native/kernels.ts';
import type { NativeAttributes } from './native.ts';
import { NATIVE_BACKEND, runNativeOne } from './native.ts';
import type { KernelAttributes } from './own-convolution.ts';
import { registerOwnGradients } from './own-convolution.ts';

/** Whether graft's own kernel is there and takes a kernel [height, width, in, out] of a dense convolution. */
export function fitsOwnPointwise({ shape: [height, width] }: tf.Tensor): boolean {
  return hasOwnKernels() && height === 1 && width === 1;
}

/**
 * A convolution of x [batch, height, width, in] with a kernel [1, 1, in, out]: every `stride`-th pixel, from the first one
 * on (infra/native/kernels/pointwise.cc). No padding that TensorFlow knows changes anything about it.
 */
export function ownPointwise(x: tf.Tensor4D, kernel: tf.Tensor4D, stride: number): tf.Tensor {
  return tf.engine().runKernel(OWN, { x, kernel }, { stride });
}

const OWN = 'GraftOwnPointwise';

function attributesOf(attrs: KernelAttributes | undefined): NativeAttributes {
  return { ints: { stride: Number(attrs?.['stride']) }, floatTypes: [] };
}

tf.registerKernel({
  kernelName: OWN,
  backendName: NATIVE_BACKEND,
  kernelFunc: ({ inputs: { x, kernel }, attrs }) => {
    if (x === undefined || kernel === undefined) throw new Error(`${OWN}: inputs`);
    return runNativeOne('GraftPointwise', [x, kernel], attributesOf(attrs));
  },
});

registerOwnGradients(OWN, 'GraftPointwise', attributesOf);
