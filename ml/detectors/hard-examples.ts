import * as tf from '@tensorflow/tfjs';
import { gatherRows } from '../nn/ops/gather-rows.ts';
import { isNative } from '../nn/ops/native.ts';
import { withoutGradient } from './no-gradient.ts';
import { suppressPadded } from './suppress.ts';

/** research/object_detection `core/losses.py` HardExampleMiner, which picks by the loss of the class. Published SSDs suppress candidates at IoU .99, which drops next to nothing and takes three quarters of a small step (docs/adr/0101). */
export interface MinerOptions {
  /** Anchors an image that are looked at, those of the largest loss first. */
  readonly candidates: number;
  /** Of two candidates whose boxes overlap by more, the one with the smaller loss is left out; null looks at all. */
  readonly iouThreshold: number | null;
  readonly negativesPerPositive: number;
  /** Kept even in an image without objects. */
  readonly minNegatives: number;
}

export interface MinedAnchors {
  /** Loss of the class, [batch, anchors]. */
  readonly losses: tf.Tensor;
  /** Decoded boxes, [batch, anchors, 4]. */
  readonly boxes: tf.Tensor;
  /** 1 where an anchor has an object, else 0: [batch, anchors]. */
  readonly positives: tf.Tensor;
}

/**
 * 1 for the anchors whose losses count, else 0: [batch, anchors]. All positives among the candidates, and of the negatives
 * the first `max(minNegatives, negativesPerPositive × positives)` in order of loss. Gradients do not go through it.
 */
export function hardExamples({ losses, boxes, positives }: MinedAnchors, options: MinerOptions): tf.Tensor {
  return withoutGradient([losses, boxes, positives], (loss, box, positive) => {
    if (!loss || !box || !positive) throw new Error('the miner takes losses, boxes and positives');
    const [batch = 1, anchors = 1] = loss.shape;
    const count = Math.min(options.candidates, anchors);
    const { indexes, valid } = candidatesOf(loss, box, count, options.iouThreshold);
    const starts = tf.mul(tf.range(0, batch, 1, 'int32'), tf.scalar(anchors, 'int32')).reshape([batch, 1]);
    const flat = tf.reshape(indexes.add(starts), [batch * count]);
    const isPositive = gatherRows(positive.reshape([batch * anchors]), flat)
      .reshape([batch, count])
      .mul(valid);
    const isNegative = valid.sub(isPositive);
    const found = isPositive.sum(1, true);
    const limit = tf.maximum(found.mul(options.negativesPerPositive), options.minNegatives);
    const within = tf.cast(tf.lessEqual(tf.cumsum(isNegative, 1), limit), 'float32');
    const kept = isPositive.add(isNegative.mul(within));
    const places = tf.reshape<tf.Rank.R2>(flat, [batch * count, 1]);
    return tf.scatterND(places, kept.reshape([batch * count]), [batch * anchors]).reshape([batch, anchors]);
  });
}

interface Candidates {
  /** int32 [batch, count], the largest loss first; what is not valid is 0. */
  readonly indexes: tf.Tensor;
  /** [batch, count]: 1 or 0. */
  readonly valid: tf.Tensor;
}

function candidatesOf(losses: tf.Tensor, boxes: tf.Tensor, count: number, iouThreshold: number | null): Candidates {
  const [batch = 1, anchors = 1] = losses.shape;
  if (iouThreshold === null || !isNative()) {
    return { indexes: tf.topk(losses, count).indices, valid: tf.ones([batch, count]) };
  }
  const images = Array.from({ length: batch }, (_, image) => {
    const own = tf.slice(boxes, [image, 0, 0], [1, anchors, 4]).reshape([anchors, 4]);
    const limits = { count, iouThreshold, scoreThreshold: Number.NEGATIVE_INFINITY };
    return suppressPadded(own, tf.slice(losses, [image, 0], [1, anchors]).reshape([anchors]), limits);
  });
  return {
    indexes: tf.stack(images.map(({ indexes }) => indexes)),
    valid: tf.stack(images.map(({ valid }) => valid)),
  };
}
