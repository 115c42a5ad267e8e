import * as tf from '@tensorflow/tfjs';
import type { NativeAttributes } from './native.ts';
import { isNative, NATIVE_BACKEND, runNativeOne } from './native.ts';

export interface MaxPoolOptions {
  /** Side of the square window. */
  readonly windowPx: number;
  readonly stride: number;
  /** Border on every side, smaller than the window; it is never the largest value. */
  readonly padPx: number;
}

/** Largest value of each window of x [batch, height, width, channels]. */
export function maxPool(x: tf.Tensor, options: MaxPoolOptions): tf.Tensor {
  if (!isRank4(x)) throw new Error(`max pooling of [${x.shape.join(', ')}]`);
  const { windowPx, stride, padPx } = options;
  if (isNative()) return tf.engine().runKernel(MAX_POOL, { x }, { windowPx, stride, padPx });
  return tf.maxPool(x, windowPx, stride, padPx);
}

function isRank4(x: tf.Tensor): x is tf.Tensor4D {
  return x.rank === 4;
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
  const [window, stride, pad] = [Number(attrs?.['windowPx']), Number(attrs?.['stride']), Number(attrs?.['padPx'])];
  const ints = { ksize: [1, window, window, 1], strides: [1, stride, stride, 1] };
  const strings = { data_format: 'NHWC', padding: pad === 0 ? 'VALID' : 'EXPLICIT' };
  if (pad === 0) return { strings, ints };
  return { strings, ints: { ...ints, explicit_paddings: [0, 0, pad, pad, pad, pad, 0, 0] } };
}
