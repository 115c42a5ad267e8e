import * as tf from '@tensorflow/tfjs';
import type { NativeAttributes } from './native.ts';
import { isNative, NATIVE_BACKEND, runNativeOne } from './native.ts';

/** `same`: TensorFlow's rule (the odd pixel goes below and right). `symmetric`: ⌊kernel/2⌋ on every side, as in PyTorch. */
export type Padding = 'same' | 'symmetric';

export interface ConvOptions {
  readonly stride: number;
  readonly padding: Padding;
  readonly depthwise: boolean;
}

/** Cross-correlation of x [batch, height, width, in] with a kernel [h, w, in, out], or [h, w, in, 1] when depthwise. */
export function conv(x: tf.Tensor, kernel: tf.Tensor, { stride, padding, depthwise }: ConvOptions): tf.Tensor {
  if (!isRank4(x) || !isRank4(kernel)) throw new Error(`[${x.shape.join(', ')}] by [${kernel.shape.join(', ')}]`);
  const padPx = padding === 'same' ? SAME : Math.floor(kernel.shape[0] / 2);
  if (isNative()) {
    return tf.engine().runKernel(depthwise ? DEPTHWISE.kernelName : DENSE.kernelName, { x, kernel }, { stride, padPx });
  }
  const pad = padding === 'same' ? 'same' : padPx;
  return depthwise ? tf.depthwiseConv2d(x, kernel, stride, pad) : tf.conv2d(x, kernel, stride, pad);
}

function isRank4(x: tf.Tensor): x is tf.Tensor4D {
  return x.rank === 4;
}

/** `padPx` of TensorFlow's SAME padding. */
const SAME = -1;

/** TensorFlow's names for a convolution and its two gradients. */
interface ConvOperations {
  readonly kernelName: string;
  readonly forward: string;
  readonly backwardInput: string;
  readonly backwardKernel: string;
}

const DENSE: ConvOperations = {
  kernelName: 'GraftConv2D',
  forward: 'Conv2D',
  backwardInput: 'Conv2DBackpropInput',
  backwardKernel: 'Conv2DBackpropFilter',
};

const DEPTHWISE: ConvOperations = {
  kernelName: 'GraftDepthwiseConv2D',
  forward: 'DepthwiseConv2dNative',
  backwardInput: 'DepthwiseConv2dNativeBackpropInput',
  backwardKernel: 'DepthwiseConv2dNativeBackpropFilter',
};

// tfjs-node's own kernels refuse explicit padding, and tfjs computes a depthwise gradient by other means on some backends.
for (const operations of [DENSE, DEPTHWISE]) {
  tf.registerKernel({
    kernelName: operations.kernelName,
    backendName: NATIVE_BACKEND,
    kernelFunc: ({ inputs, attrs }) => runNativeOne(operations.forward, given(inputs), attributes(attrs)),
  });
  tf.registerGradient({
    kernelName: operations.kernelName,
    inputsToSave: ['x', 'kernel'],
    gradFunc: (dy, saved, attrs) => {
      const [x, kernel] = saved;
      if (x === undefined || kernel === undefined || Array.isArray(dy)) throw new Error('no saved tensors');
      const settings = attributes(attrs);
      return {
        x: () =>
          isPointwise(operations, kernel, attrs)
            ? pointwiseInputGradient(x, kernel, dy)
            : runNativeOne(operations.backwardInput, [sizes(x), kernel, dy], settings),
        kernel: () => runNativeOne(operations.backwardKernel, [x, sizes(kernel), dy], settings),
      };
    },
  });
}

function isPointwise(
  operations: ConvOperations,
  kernel: tf.Tensor,
  attrs: { readonly [name: string]: unknown },
): boolean {
  return operations === DENSE && kernel.shape[0] === 1 && kernel.shape[1] === 1 && attrs['stride'] === 1;
}

/** dy · kernelᵀ over all pixels: up to twice as fast as Conv2DBackpropInput, which builds patches of one pixel. */
function pointwiseInputGradient(x: tf.Tensor, kernel: tf.Tensor, dy: tf.Tensor): tf.Tensor {
  const [inChannels = 1, outChannels = 1] = kernel.shape.slice(2);
  const rows = dy.reshape([-1, outChannels]);
  return tf.matMul(rows, kernel.reshape([inChannels, outChannels]), false, true).reshape(x.shape);
}

function given(inputs: { readonly [name: string]: tf.TensorInfo | undefined }): tf.TensorInfo[] {
  const { x, kernel } = inputs;
  if (x === undefined || kernel === undefined) throw new Error('a convolution takes x and kernel');
  return [x, kernel];
}

function attributes(attrs: { readonly [name: string]: unknown } | undefined): NativeAttributes {
  const stride = Number(attrs?.['stride']);
  const padPx = Number(attrs?.['padPx']);
  const strides = [1, stride, stride, 1];
  const strings = { data_format: 'NHWC', padding: padPx === SAME ? 'SAME' : 'EXPLICIT' };
  if (padPx === SAME) return { strings, ints: { strides } };
  return { strings, ints: { strides, explicit_paddings: [0, 0, padPx, padPx, padPx, padPx, 0, 0] } };
}

function sizes(x: tf.Tensor): tf.Tensor {
  return tf.tensor1d(x.shape, 'int32');
}
