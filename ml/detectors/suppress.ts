import * as tf from '@tensorflow/tfjs';
import { nativeBackend } from '../native/backend.ts';
import { isNative, runNative } from '../nn/ops/native.ts';

export interface Survivors {
  /** int32 [count], the surest first; what is not valid is 0. */
  readonly indexes: tf.Tensor;
  /** [count]: 1 or 0. */
  readonly valid: tf.Tensor;
}

export interface SuppressLimits {
  /** How many at most; the outputs are padded to it, so that shapes are known. */
  readonly count: number;
  readonly iouThreshold: number;
  /** What scores no more is left out. */
  readonly scoreThreshold: number;
}

/** Greedy suppression of boxes [n, 4] by scores [n]: TensorFlow’s NonMaxSuppressionV4. */
export function suppressPadded(boxes: tf.Tensor, scores: tf.Tensor, limits: SuppressLimits): Survivors {
  const { count, iouThreshold, scoreThreshold } = limits;
  if (!isNative()) {
    const { selectedIndices, validOutputs } = tf.image.nonMaxSuppressionPadded(
      boxes.as2D(scores.size, 4),
      scores.as1D(),
      ...([count, iouThreshold, scoreThreshold, true] as const),
    );
    if (!selectedIndices || !validOutputs) throw new Error('suppression gave no output');
    return { indexes: selectedIndices, valid: firstOf(count, validOutputs) };
  }
  const backend = nativeBackend();
  const { binding } = backend;
  const attributes = [
    { name: 'T', type: binding.TF_ATTR_TYPE, value: binding.TF_FLOAT },
    { name: 'T_threshold', type: binding.TF_ATTR_TYPE, value: binding.TF_FLOAT },
    { name: 'pad_to_max_output_size', type: binding.TF_ATTR_BOOL, value: true },
  ];
  const constants = [tf.scalar(count, 'int32'), tf.scalar(iouThreshold), tf.scalar(scoreThreshold)];
  const [indexes, found] = backend.executeMultipleOutputs(
    'NonMaxSuppressionV4',
    attributes,
    [boxes, scores, ...constants],
    2,
  );
  if (!indexes || !found) throw new Error('NonMaxSuppressionV4 gave no output');
  return { indexes, valid: firstOf(count, found) };
}

const firstOf = (count: number, found: tf.Tensor): tf.Tensor =>
  tf.cast(tf.less(tf.range(0, count, 1, 'int32'), found), 'float32');

export interface ClassLimits {
  readonly perClass: number;
  readonly total: number;
  readonly iouThreshold: number;
  readonly scoreThreshold: number;
}

/** What is left of a batch, the surest first, padded with zeros. */
export interface Detections {
  /** [batch, total, 4]. */
  readonly boxes: tf.Tensor;
  /** [batch, total]; 0 where nothing is. */
  readonly scores: tf.Tensor;
  /** [batch, total]: 0 … classes − 1. */
  readonly labels: tf.Tensor;
}

/**
 * Class by class, then the surest of all: boxes [batch, n, classes or 1, 4] and scores [batch, n, classes], by TensorFlow’s
 * CombinedNonMaxSuppression, as research/object_detection `core/post_processing.py` does it. Boxes are clipped to the image.
 */
export function suppressClasses(boxes: tf.Tensor, scores: tf.Tensor, limits: ClassLimits): Detections {
  const { perClass, total, iouThreshold, scoreThreshold } = limits;
  const constants = [
    ...[tf.scalar(perClass, 'int32'), tf.scalar(total, 'int32')],
    ...[tf.scalar(iouThreshold), tf.scalar(scoreThreshold)],
  ];
  const attributes = { floatTypes: [], bools: { pad_per_class: false, clip_boxes: true } };
  const [kept, sure, labels] = runNative('CombinedNonMaxSuppression', [boxes, scores, ...constants], attributes, 4);
  if (!kept || !sure || !labels) throw new Error('CombinedNonMaxSuppression gave no output');
  return { boxes: kept, scores: sure, labels };
}
