import * as tf from '@tensorflow/tfjs';

/** A tensor computed of others that gradients do not go through: TensorFlow's stop_gradient. */
export function withoutGradient(
  inputs: readonly tf.Tensor[],
  compute: (...inputs: tf.Tensor[]) => tf.Tensor,
): tf.Tensor {
  const op = tf.customGrad((...args) => {
    const tensors = args.filter((arg): arg is tf.Tensor => arg instanceof tf.Tensor);
    // Shapes alone: the tensors are gone by the time of the way back.
    const shapes = tensors.map(({ shape }) => shape);
    return { value: tf.tidy(() => compute(...tensors)), gradFunc: () => shapes.map((shape) => tf.zeros(shape)) };
  });
  return op(...inputs);
}
