import type * as tf from '@tensorflow/tfjs';
import { hasOwnKernels } from '../../native/kernels.ts';
import { runNativeOne } from './native.ts';
import type { KernelAttributes } from './own-convolution.ts';

/** A window's numbers stay in a core's cache for as many windows as are summed at once. */
const MOST_NUMBERS = 256;

/** Channels of a picture: with more of them TensorFlow's gradient is as good. */
const MOST_CHANNELS = 4;

/** Whether graft's own kernel is there and takes the gradient to a kernel [height, width, in, out] of a dense convolution. */
export function fitsOwnPatches({ shape: [height = 0, width = 0, inside = 0] }: tf.Tensor): boolean {
  return hasOwnKernels() && inside <= MOST_CHANNELS && height * width * inside <= MOST_NUMBERS;
}

/** The gradient to the kernel of a convolution with this stride and these pixels around (infra/native/kernels/patches.cc). */
export function ownPatchesKernelGradient(
  x: tf.Tensor,
  dy: tf.Tensor,
  kernel: tf.Tensor,
  attrs: KernelAttributes,
): tf.Tensor {
  const [stride = 1, top = 0, left = 0] = ['stride', 'top', 'left'].map((name) => Number(attrs[name]));
  return runNativeOne('GraftPatchesKernelGrad', [x, dy, kernel], { ints: { stride, top, left }, floatTypes: [] });
}
