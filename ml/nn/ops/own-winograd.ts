import * as tf from '@tensorflow/tfjs';
import { hasOwnKernels } from '../../native/kernels.ts';
import { NATIVE_BACKEND, runNativeOne } from './native.ts';
import { registerOwnGradients } from './own-convolution.ts';
import type { Padding } from './padding.ts';

/** The side of a kernel that Winograd's algorithm is there for. */
const SIDE_PX = 3;

/** With fewer channels than a register or two hold, what the algorithm adds costs more than it saves. */
const FEWEST_CHANNELS = 32;

/** Tiles of 4 × 4 pixels that a batch has at least: each reads what the kernel becomes, four times as much as there was. */
const FEWEST_TILES = 32;

/** Whether graft's own kernel is there and takes a dense convolution of x [batch, height, width, in]. */
export function fitsOwnWinograd(
  x: tf.Tensor4D,
  kernel: tf.Tensor4D,
  { stride, padding }: { readonly stride: number; readonly padding: Padding },
): boolean {
  const [batch, height, width] = x.shape;
  const [kernelHeight, kernelWidth, inside, outside] = kernel.shape;
  const tiles = batch * Math.ceil(height / 4) * Math.ceil(width / 4);
  return (
    hasOwnKernels() &&
    kernelHeight === SIDE_PX &&
    kernelWidth === SIDE_PX &&
    stride === 1 &&
    (padding === 'same' || padding === 'symmetric') &&
    Math.min(inside, outside) >= FEWEST_CHANNELS &&
    tiles >= FEWEST_TILES
  );
}

/**
 * A convolution of x [batch, height, width, in] with a kernel [3, 3, in, out], zeros around the pictures, by Winograd's
 * algorithm (infra/native/kernels/winograd.cc).
 */
export function ownWinograd(x: tf.Tensor4D, kernel: tf.Tensor4D): tf.Tensor {
  return tf.engine().runKernel(OWN, { x, kernel });
}

const OWN = 'GraftOwnWinograd';
const NO_ATTRIBUTES = { ints: {}, floatTypes: [] };

tf.registerKernel({
  kernelName: OWN,
  backendName: NATIVE_BACKEND,
  kernelFunc: ({ inputs: { x, kernel } }) => {
    if (x === undefined || kernel === undefined) throw new Error(`${OWN}: inputs`);
    return runNativeOne('GraftWinograd', [x, kernel], NO_ATTRIBUTES);
  },
});

registerOwnGradients(OWN, 'GraftWinograd', () => NO_ATTRIBUTES);
