import * as tf from '@tensorflow/tfjs';

/** What was drawn for a batch, by name, as tensors (core/augment/inputs.ts). */
export type AugmentTensors = Readonly<Record<string, tf.Tensor>>;

export function input(inputs: AugmentTensors, name: string): tf.Tensor {
  const tensor = inputs[name];
  if (tensor === undefined) throw new Error(`augmentation needs the input ${name}: it was drawn for another setting`);
  return tensor;
}

/** [n] → [n, 1, …] of `rank` dimensions: one value for all of an image. */
export function perImage(values: tf.Tensor, rank: number): tf.Tensor {
  return tf.reshape(values, [values.size, ...Array.from({ length: rank - 1 }, () => 1)]);
}

/** Boxes [n, 4] of whole pixels (y0, x0, y1, x1) → float32 [n, height, width, 1]: 1 inside, 0 outside. */
export function boxMask(boxes: tf.Tensor, [n, height, width]: readonly [number, number, number, number]): tf.Tensor4D {
  const down = between(boxes, [0, 2], [n, height]);
  const across = between(boxes, [1, 3], [n, width]);
  return tf.mul(tf.reshape(down, [n, height, 1, 1]), tf.reshape(across, [n, 1, width, 1]));
}

/** float32 [n, length]: 1 where columns[0] ≤ position < columns[1]. */
function between(
  boxes: tf.Tensor,
  columns: readonly [number, number],
  [n, length]: readonly [number, number],
): tf.Tensor {
  const positions = tf.tensor2d(
    Float32Array.from({ length }, (_, i) => i),
    [1, length],
  );
  const [from, to] = [tf.slice(boxes, [0, columns[0]], [n, 1]), tf.slice(boxes, [0, columns[1]], [n, 1])];
  return tf.cast(tf.logicalAnd(tf.greaterEqual(positions, from), tf.less(positions, to)), 'float32');
}
