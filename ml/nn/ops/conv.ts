import * as tf from '@tensorflow/tfjs';
import type { NativeAttributes } from './native.ts';
import { fitsOwnDepthwise, ownDepthwise } from './own-depthwise.ts';
import { fitsOwnPatches, ownPatchesKernelGradient } from './own-patches.ts';
import { fitsOwnPointwise, ownPointwise } from './own-pointwise.ts';
import { fitsOwnWinograd, ownWinograd } from './own-winograd.ts';
import { isNative, NATIVE_BACKEND, runNativeOne } from './native.ts';
import type { Padding } from './padding.ts';
import { edgesAround, isRank4, nativePadding, paddedAttributes, tfjsPadding } from './padding.ts';

export type { Padding } from './padding.ts';

export interface ConvOptions {
  readonly stride: number;
  readonly padding: Padding;
  readonly depthwise: boolean;
  /**
   * Pads by an operation of its own. TensorFlow's optimizer fuses a depthwise convolution with the addition behind it and
   * loses its explicit padding (a crash in 2.21: core/grappler/optimizers/remapper.cc copies all attributes but this one).
   */
  readonly padApart?: boolean;
  /** In a training step graft's own kernels may compute it; elsewhere TensorFlow fuses its own with what is behind them. */
  readonly inTraining?: boolean;
}

/** Cross-correlation of x [batch, height, width, in] with a kernel [h, w, in, out], or [h, w, in, 1] when depthwise. */
export function conv(x: tf.Tensor, kernel: tf.Tensor, options: ConvOptions): tf.Tensor {
  const { stride, padding, depthwise, padApart = false } = options;
  if (!isRank4(x) || !isRank4(kernel)) throw new Error(`[${x.shape.join(', ')}] by [${kernel.shape.join(', ')}]`);
  if (options.inTraining === true) {
    if (depthwise && fitsOwnDepthwise(kernel)) return ownDepthwise(x, kernel, options);
    if (!depthwise && fitsOwnPointwise(kernel)) return ownPointwise(x, kernel, stride);
    if (!depthwise && fitsOwnWinograd(x, kernel, options)) return ownWinograd(x, kernel);
  }
  const [windowHeight, windowWidth] = kernel.shape;
  const sides = [
    [x.shape[1], x.shape[2]],
    [windowHeight, windowWidth],
  ] as const;
  const how = nativePadding(padding, ...sides, stride);
  if (isNative()) {
    const { kernelName } = depthwise ? DEPTHWISE : DENSE;
    if (!padApart || how.mode !== 'EXPLICIT') {
      const [top, , left] = edgesAround(padding, ...sides, stride);
      const own = options.inTraining === true && !depthwise && fitsOwnPatches(kernel);
      const attributes = { stride, mode: how.mode, pads: [...how.pads], own, top, left };
      return tf.engine().runKernel(kernelName, { x, kernel }, attributes);
    }
    const [top, bottom, left, right] = how.pads;
    const wide = tf.pad(x, [[0, 0], [top, bottom], [left, right], [0, 0]]); // prettier-ignore
    return tf.engine().runKernel(kernelName, { x: wide, kernel }, { stride, mode: 'VALID', pads: [0, 0, 0, 0] });
  }
  const pad = tfjsPadding(how);
  return depthwise ? tf.depthwiseConv2d(x, kernel, stride, pad) : tf.conv2d(x, kernel, stride, pad);
}

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
        kernel: () =>
          attrs['own'] === true
            ? ownPatchesKernelGradient(x, dy, kernel, attrs)
            : runNativeOne(operations.backwardKernel, [x, sizes(kernel), dy], settings),
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

/**
 * dy · kernelᵀ over all pixels: up to twice as fast as Conv2DBackpropInput, which builds patches of one pixel. By MatMul, as
 * the batch is not the first side of what tfjs's own product takes (ml/engine/split-rules.ts).
 */
function pointwiseInputGradient(x: tf.Tensor, kernel: tf.Tensor, dy: tf.Tensor): tf.Tensor {
  const [inChannels = 1, outChannels = 1] = kernel.shape.slice(2);
  const rows = dy.reshape([-1, outChannels]);
  const flat = kernel.reshape([inChannels, outChannels]);
  const bools = { transpose_a: false, transpose_b: true };
  return runNativeOne('MatMul', [rows, flat], { bools }).reshape(x.shape);
}

function given(inputs: { readonly [name: string]: tf.TensorInfo | undefined }): tf.TensorInfo[] {
  const { x, kernel } = inputs;
  if (x === undefined || kernel === undefined) throw new Error('a convolution takes x and kernel');
  return [x, kernel];
}

function attributes(attrs: { readonly [name: string]: unknown } | undefined): NativeAttributes {
  const stride = Number(attrs?.['stride']);
  return paddedAttributes(attrs, { strides: [1, stride, stride, 1] });
}

function sizes(x: tf.Tensor): tf.Tensor {
  return tf.tensor1d(x.shape, 'int32');
}
