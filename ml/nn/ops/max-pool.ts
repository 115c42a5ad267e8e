import * as tf from '@tensorflow/tfjs';
import { hasOwnKernels } from '../../native/kernels.ts';
import type { NativeAttributes } from './native.ts';
import { isNative, NATIVE_BACKEND, runNativeOne } from './native.ts';
import type { Padding } from './padding.ts';
import { edgesAround, isRank4, nativePadding, paddedAttributes, tfjsPadding } from './padding.ts';

export interface MaxPoolOptions {
  /** Side of the square window. */
  readonly windowPx: number;
  readonly stride: number;
  /** A border is never the largest value. */
  readonly padding: Padding;
}

/** Largest value of each window of x [batch, height, width, channels]. */
export function maxPool(x: tf.Tensor, options: MaxPoolOptions): tf.Tensor {
  if (!isRank4(x)) throw new Error(`max pooling of [${x.shape.join(', ')}]`);
  const { windowPx, stride, padding } = options;
  const sides = [
    [x.shape[1], x.shape[2]],
    [windowPx, windowPx],
  ] as const;
  const how = nativePadding(padding, ...sides, stride);
  if (isNative()) {
    const [top, , left] = edgesAround(padding, ...sides, stride);
    return tf.engine().runKernel(MAX_POOL, { x }, { windowPx, stride, top, left, mode: how.mode, pads: [...how.pads] });
  }
  return tf.maxPool(x, windowPx, stride, tfjsPadding(how));
}

const MAX_POOL = 'GraftMaxPool';

// tfjs-node's own kernel refuses explicit padding.
tf.registerKernel({
  kernelName: MAX_POOL,
  backendName: NATIVE_BACKEND,
  kernelFunc: ({ inputs, attrs }) => {
    if (inputs['x'] === undefined) throw new Error(`${MAX_POOL} takes x`);
    return runNativeOne('MaxPool', [inputs['x']], attributes(attrs));
  },
});

tf.registerGradient({
  kernelName: MAX_POOL,
  inputsToSave: ['x'],
  outputsToSave: [true],
  gradFunc: (dy, saved, attrs) => {
    const [x, y] = saved;
    if (x === undefined || y === undefined || Array.isArray(dy)) throw new Error(`${MAX_POOL}: saved tensors`);
    const own = hasOwnKernels();
    const operation = own ? 'GraftMaxPoolGrad' : 'MaxPoolGrad';
    return { x: () => runNativeOne(operation, [x, y, dy], own ? ownAttributes(attrs) : attributes(attrs)) };
  },
});

/** Of infra/native/kernels/max-pool.cc. */
function ownAttributes(attrs: { readonly [name: string]: unknown } | undefined): NativeAttributes {
  const [window = 1, stride = 1, top = 0, left = 0] = ['windowPx', 'stride', 'top', 'left'].map((name) =>
    Number(attrs?.[name]),
  );
  return { ints: { window, stride, top, left }, floatTypes: [] };
}

function attributes(attrs: { readonly [name: string]: unknown } | undefined): NativeAttributes {
  const [window, stride] = [Number(attrs?.['windowPx']), Number(attrs?.['stride'])];
  return paddedAttributes(attrs, { ksize: [1, window, window, 1], strides: [1, stride, stride, 1] });
}
