import * as tf from '@tensorflow/tfjs';

/** `same`: TensorFlow's rule (the odd pixel goes below and right). `symmetric`: ⌊kernel/2⌋ on every side, as in PyTorch. */
export type Padding = 'same' | 'symmetric';

export interface ConvOptions {
  readonly stride: number;
  readonly padding: Padding;
  readonly depthwise: boolean;
}

/** Cross-correlation of x [batch, height, width, in] with a kernel [h, w, in, out], or [h, w, in, 1] when depthwise. */
export function conv(x: tf.Tensor, kernel: tf.Tensor, { stride, padding, depthwise }: ConvOptions): tf.Tensor {
  const x4 = asRank4(x);
  const k4 = asRank4(kernel);
  const pad = padding === 'same' ? 'same' : Math.floor((kernel.shape[0] ?? 1) / 2);
  return depthwise ? tf.depthwiseConv2d(x4, k4, stride, pad) : tf.conv2d(x4, k4, stride, pad);
}

/** Narrows the static type; throws on another rank. */
export function asRank4(x: tf.Tensor): tf.Tensor4D {
  return x.as4D(...fourSizes(x.shape));
}

function fourSizes(shape: readonly number[]): [number, number, number, number] {
  const [a, b, c, d] = shape;
  if (a === undefined || b === undefined || c === undefined || d === undefined || shape.length !== 4) {
    throw new Error(`shape [${shape.join(', ')}] is not of rank 4`);
  }
  return [a, b, c, d];
}
