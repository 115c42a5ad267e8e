import * as tf from '@tensorflow/tfjs';
import { sigmoidCrossEntropy, sigmoidFocal } from '../losses/classification.ts';
import type { CodeScales } from '../../core/detection/box-coder.ts';
import type { FocalOptions } from '../losses/classification.ts';
import { huber } from '../losses/localization.ts';
import { decodeInGraph } from './decode.ts';
import { hardExamples } from './hard-examples.ts';
import type { MinerOptions } from './hard-examples.ts';
import type { SsdOutput } from './ssd.ts';

export interface SsdLossOptions {
  /** Sigmoid cross-entropy of the hardest anchors, or focal loss of all. */
  readonly classification: ({ readonly kind: 'mined' } & MinerOptions) | ({ readonly kind: 'focal' } & FocalOptions);
  readonly classWeight: number;
  readonly boxWeight: number;
  /** Of the codes; the published ones where absent. */
  readonly codeScales?: CodeScales;
}

export interface SsdTargets {
  /** int32 [batch, anchors]: 0 the background, c + 1 class c. */
  readonly labels: tf.Tensor;
  /** [batch, anchors]: 0 where an anchor is undecided and its class does not count, else 1. */
  readonly labelWeights: tf.Tensor;
  /** [batch, anchors, 4]; anything where there is no object. */
  readonly codes: tf.Tensor;
}

export interface SsdLoss {
  /** What is descended: classes and boxes, weighted. */
  readonly total: tf.Scalar;
  readonly classes: tf.Scalar;
  readonly boxes: tf.Scalar;
}

/**
 * SSD’s loss (Liu et al. 1512.02325 eq. 1; research/object_detection `meta_architectures/ssd_meta_arch.py`): Huber of the
 * codes of matched anchors and sigmoid cross-entropy of classes over the anchors that count, both divided by the matched
 * anchors of the whole batch, at least one. The background is a class of its own.
 */
export function ssdLoss(
  { logits, codes }: SsdOutput,
  targets: SsdTargets,
  anchors: tf.Tensor,
  options: SsdLossOptions,
): SsdLoss {
  const width = logits.shape[2] ?? 1;
  const positives = tf.cast(tf.greater(targets.labels, tf.scalar(0, 'int32')), 'float32');
  const oneHot = tf.cast(tf.oneHot(tf.cast(targets.labels, 'int32'), width), 'float32');
  const { classification } = options;
  const perClass =
    classification.kind === 'focal'
      ? sigmoidFocal(logits, oneHot, classification)
      : sigmoidCrossEntropy(logits, oneHot);
  const perAnchor = perClass.sum(2).mul(targets.labelWeights);
  const distance = huber(codes, targets.codes).sum(2).mul(positives);
  const counted = countedAnchors(perAnchor, decodeInGraph(codes, anchors, options.codeScales), positives, options);
  const matched = tf.maximum(positives.sum(), 1);
  const sum = (losses: tf.Tensor, weight: number): tf.Scalar => {
    const own = counted ? losses.mul(counted) : losses;
    return own.sum().mul(weight).div(matched).asScalar();
  };
  const [classes, boxes] = [sum(perAnchor, options.classWeight), sum(distance, options.boxWeight)];
  return { total: classes.add(boxes).asScalar(), classes, boxes };
}

/** Which anchors’ losses count; null for all. */
function countedAnchors(
  losses: tf.Tensor,
  boxes: tf.Tensor,
  positives: tf.Tensor,
  { classification }: SsdLossOptions,
): tf.Tensor | null {
  return classification.kind === 'mined' ? hardExamples({ losses, boxes, positives }, classification) : null;
}
