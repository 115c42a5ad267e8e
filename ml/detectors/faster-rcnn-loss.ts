import * as tf from '@tensorflow/tfjs';
import { softmaxCrossEntropy } from '../losses/classification.ts';
import { huber } from '../losses/localization.ts';
import type { ApplyContext } from '../nn/module.ts';
import { applyFirstStage, applySecondStage } from './faster-rcnn.ts';
import type { FasterRcnn, SecondStage } from './faster-rcnn.ts';
import { withoutGradient } from './no-gradient.ts';
import { proposalsOf, roisOf, sampleRois } from './proposals.ts';
import type { ProposalOptions, RoiOptions, Rois } from './proposals.ts';

export interface FasterRcnnLossOptions {
  readonly proposals: ProposalOptions;
  readonly rois: RoiOptions;
  /** Of the first stage’s objectness and boxes, and the second’s classes and boxes. */
  readonly weights: {
    readonly objectness: number;
    readonly rpnBoxes: number;
    readonly classes: number;
    readonly boxes: number;
  };
}

export interface FasterRcnnTargets {
  /** int32 [batch, anchors]: 1 an object, 0 background, −1 what does not count (core/detection/rpn-targets.ts). */
  readonly rpnLabels: tf.Tensor;
  /** [batch, anchors, 4]. */
  readonly rpnCodes: tf.Tensor;
  /** [batch, most, 4]: the objects, padded. */
  readonly truthBoxes: tf.Tensor;
  /** int32 [batch, most]: 0 where there is none, c + 1 class c. */
  readonly truthLabels: tf.Tensor;
  /** [batch, `roiDraws`] in [0, 1). */
  readonly draws: tf.Tensor;
}

export interface FasterRcnnLoss {
  readonly total: tf.Scalar;
  readonly objectness: tf.Scalar;
  readonly rpnBoxes: tf.Scalar;
  readonly classes: tf.Scalar;
  readonly boxes: tf.Scalar;
}

/**
 * Both stages’ losses at once (research/object_detection `meta_architectures/faster_rcnn_meta_arch.py`, `_loss_rpn` and
 * `_loss_box_classifier`): cross-entropy and Huber, each divided by the examples of its image that count, at least one, and
 * averaged over the batch. Proposals are taken as given: no gradient goes through where they lie.
 */
export function fasterRcnnLoss(
  detector: FasterRcnn,
  x: tf.Tensor,
  targets: FasterRcnnTargets,
  options: FasterRcnnLossOptions,
  ctx: ApplyContext,
): FasterRcnnLoss {
  const first = applyFirstStage(detector, x, ctx);
  const [batch = 1, total = 1] = first.codes.shape;
  const width = detector.classes + 1;
  const sampled = withoutGradient(
    [first.objectness, first.codes, targets.truthBoxes, targets.draws],
    (objectness, codes, boxes, draws) => {
      if (!objectness || !codes || !boxes || !draws) throw new Error('proposals take four tensors');
      const anchors = tf.tensor2d(detector.anchors, [total, 4]);
      const proposals = proposalsOf(
        { objectness, codes },
        anchors,
        tf.tensor1d(Float32Array.from(detector.inside)),
        options.proposals,
      );
      const oneHot = tf.cast(tf.oneHot(tf.cast(targets.truthLabels, 'int32'), width), 'float32');
      return sampleRois(proposals, { boxes, oneHot }, draws, options.rois);
    },
  );
  const rois = roisOf(sampled);
  const second = applySecondStage(detector, first.map, rois.boxes, ctx);
  const { weights } = options;
  const parts = {
    ...firstStageLoss(first.objectness, first.codes, targets),
    ...secondStageLoss(second, rois, batch),
  };
  const weighted = {
    objectness: parts.objectness.mul(weights.objectness).asScalar(),
    rpnBoxes: parts.rpnBoxes.mul(weights.rpnBoxes).asScalar(),
    classes: parts.classes.mul(weights.classes).asScalar(),
    boxes: parts.boxes.mul(weights.boxes).asScalar(),
  };
  const { objectness, rpnBoxes, classes, boxes } = weighted;
  return { total: objectness.add(rpnBoxes).add(classes).add(boxes).asScalar(), ...weighted };
}

function firstStageLoss(objectness: tf.Tensor, codes: tf.Tensor, { rpnLabels, rpnCodes }: FasterRcnnTargets) {
  const counted = tf.cast(tf.greaterEqual(rpnLabels, tf.scalar(0, 'int32')), 'float32');
  const object = tf.cast(tf.greater(rpnLabels, tf.scalar(0, 'int32')), 'float32');
  const target = tf.stack([tf.sub(1, object), object], -1);
  const divisor = tf.maximum(counted.sum(1), 1);
  const perImage = (losses: tf.Tensor): tf.Tensor => losses.sum(1).div(divisor).mean();
  return {
    objectness: perImage(softmaxCrossEntropy(objectness, target).mul(counted)),
    rpnBoxes: perImage(huber(codes, rpnCodes).sum(2).mul(object)),
  };
}

function secondStageLoss({ logits, codes }: SecondStage, rois: Rois, batch: number) {
  const [, size = 1, width = 2] = rois.oneHot.shape;
  const object = tf.slice(rois.oneHot, [0, 0, 1], [batch, size, width - 1]);
  const divisor = tf.maximum(rois.weights.sum(1), 1);
  const perImage = (losses: tf.Tensor): tf.Tensor => losses.mul(rois.weights).sum(1).div(divisor).mean();
  // Of the boxes of all classes that of the object’s class alone: none for background.
  const distance = huber(codes, rois.codes.reshape([batch, size, 1, 4]))
    .sum(3)
    .mul(object)
    .sum(2);
  return { classes: perImage(softmaxCrossEntropy(logits, rois.oneHot)), boxes: perImage(distance) };
}
