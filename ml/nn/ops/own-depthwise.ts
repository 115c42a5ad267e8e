import * as tf from '@tensorflow/tfjs';
import { hasOwnKernels } from '../../native/kernels.ts';
import type { NativeAttributes } from './native.ts';
import { NATIVE_BACKEND, runNativeOne } from './native.ts';
import type { KernelAttributes } from './own-convolution.ts';
import { registerOwnGradients } from './own-convolution.ts';
import type { Padding } from './padding.ts';
import { edgesAround } from './padding.ts';

/** The longest side that the kernel takes (infra/native/kernels/depthwise.cc). */
const MAX_SIDE_PX = 7;

/** Whether graft's own kernel is there and takes a depthwise kernel [height, width, channels, multiplier]. */
export function fitsOwnDepthwise({ shape: [height = 0, width = 0, , multiplier] }: tf.Tensor): boolean {
  return hasOwnKernels() && height === width && height <= MAX_SIDE_PX && multiplier === 1;
}

/** A depthwise convolution of x [batch, height, width, channels] with a kernel [side, side, channels, 1]. */
export function ownDepthwise(
  x: tf.Tensor4D,
  kernel: tf.Tensor4D,
  { stride, padding }: { readonly stride: number; readonly padding: Padding },
): tf.Tensor {
  const [, height, width] = x.shape;
  const [side] = kernel.shape;
  const [top, bottom, left, right] = edgesAround(padding, [height, width], [side, side], stride);
  const outputs = (pixels: number): number => Math.floor((pixels - side) / stride) + 1;
  const sides = [outputs(height + top + bottom), outputs(width + left + right)];
  return tf.engine().runKernel(OWN, { x, kernel }, { stride, top, left, sides });
}

const OWN = 'GraftOwnDepthwise';

function attributesOf(attrs: KernelAttributes | undefined): NativeAttributes {
  const [stride, top, left] = [attrs?.['stride'], attrs?.['top'], attrs?.['left']].map(Number);
  return { ints: { stride: stride ?? 1, top: top ?? 0, left: left ?? 0 }, floatTypes: [] };
}

tf.registerKernel({
  kernelName: OWN,
  backendName: NATIVE_BACKEND,
  kernelFunc: ({ inputs: { x, kernel }, attrs }) => {
    const sides: unknown = attrs?.['sides'];
    if (x === undefined || kernel === undefined || !Array.isArray(sides)) throw new Error(`${OWN}: inputs`);
    return runNativeOne('GraftDepthwise', [x, kernel, tf.tensor1d(sides.map(Number), 'int32')], attributesOf(attrs));
  },
});

registerOwnGradients(OWN, 'GraftDepthwise', attributesOf);
