import * as tf from '@tensorflow/tfjs';
import type { NativeAttributes } from './native.ts';
import { isNative, NATIVE_BACKEND, runNativeOne } from './native.ts';
import type { Padding } from './padding.ts';
import { isRank4, nativePadding, paddedAttributes, tfjsPadding } from './padding.ts';

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
  const how = nativePadding(padding, [x.shape[1], x.shape[2]], [windowPx, windowPx], stride);
  if (isNative()) {
    return tf.engine().runKernel(MAX_POOL, { x }, { windowPx, stride, mode: how.mode, pads: [...how.pads] });
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
    return { x: () => runNativeOne('MaxPoolGrad', [x, y, dy], attributes(attrs)) };
  },
});

function attributes(attrs: { readonly [name: string]: unknown } | undefined): NativeAttributes {
  const [window, stride] = [Number(attrs?.['windowPx']), Number(attrs?.['stride'])];
  return paddedAttributes(attrs, { ksize: [1, window, window, 1], strides: [1, stride, stride, 1] });
}
