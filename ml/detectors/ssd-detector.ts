import * as tf from '@tensorflow/tfjs';
import type { SsdConfig } from '../../contracts/detector-config.ts';
import { sidesAt } from '../../core/detection/boxes.ts';
import { suppressByClass } from '../../core/detection/suppression.ts';
import { assignTargets } from '../../core/detection/targets.ts';
import type { Objects } from '../../core/detection/targets.ts';
import { outputOf } from '../engine/index.ts';
import type { ApplyContext } from '../nn/module.ts';
import type { Backbone } from '../backbones/backbone.ts';
import { decodeInGraph } from './decode.ts';
import type { Detection, Detector } from './detector.ts';
import { applySsd, createSsd } from './ssd.ts';
import type { Ssd } from './ssd.ts';
import { ssdLoss } from './ssd-loss.ts';

export interface DetectorShape {
  readonly classes: number;
  readonly heightPx: number;
  readonly widthPx: number;
}

/** A single-shot detector as `model.detector` describes it. */
export function ssdDetector(
  backbone: Backbone,
  config: SsdConfig,
  shape: DetectorShape,
): Detector & { readonly ssd: Ssd } {
  const ssd = createSsd(backbone, { ...config, ...shape });
  const anchors = ssd.anchors.length / 4;
  const anchorTensor = (): tf.Tensor => tf.tensor2d(ssd.anchors, [anchors, 4]);
  const lossOptions = { ...config.loss, codeScales: config.codeScales };
  return {
    kind: 'ssd',
    ssd,
    backbone,
    classes: shape.classes,
    params: ssd.params,
    anchors: ssd.anchors,
    l2: config.l2,
    lossNames: ['classes', 'boxes'],
    suppression: { ...config.postprocess, clips: false },
    targetSpecs: (batch) => ({
      labels: { shape: [batch, anchors], dtype: 'int32' },
      labelWeights: { shape: [batch, anchors], dtype: 'float32' },
      codes: { shape: [batch, anchors, 4], dtype: 'float32' },
    }),
    targets: (objects) => targetsOf(objects, ssd, config),
    losses: (x, { labels, labelWeights, codes }, ctx) => {
      if (!labels || !labelWeights || !codes) throw new Error('SSD’s loss takes labels, their weights and codes');
      const loss = ssdLoss(applySsd(ssd, x, ctx), { labels, labelWeights, codes }, anchorTensor(), lossOptions);
      return [loss.classes, loss.boxes];
    },
    proposals: null,
    candidates: (x, ctx) => {
      const { boxes, scores } = inferred(ssd, config, x, ctx);
      return { boxes: boxes.reshape([x.shape[0] ?? 1, anchors, 1, 4]), scores };
    },
    infer: (x, ctx) => inferred(ssd, config, x, ctx),
    detections: (outputs, rows) => {
      const [boxes, scores] = [outputOf(outputs, 'boxes').values, outputOf(outputs, 'scores').values];
      const width = anchors * shape.classes;
      return Array.from({ length: rows }, (_, row): Detection[] => {
        const own = boxes.subarray(row * anchors * 4, (row + 1) * anchors * 4);
        const sure = scores.subarray(row * width, (row + 1) * width);
        return suppressByClass(own, sure, shape.classes, config.postprocess).map(({ index, label, score }) => ({
          ...{ label, score },
          box: sidesAt(own, index),
        }));
      });
    },
  };
}

/** `boxes` [batch, anchors, 4] in shares of the frame and `scores` [batch, anchors, classes], of each class by itself. */
function inferred(ssd: Ssd, { codeScales }: SsdConfig, x: tf.Tensor, ctx: ApplyContext) {
  const { logits, codes } = applySsd(ssd, x, ctx);
  const [batch, anchors] = [x.shape[0] ?? 1, ssd.anchors.length / 4];
  const scores = tf.sigmoid(tf.slice(logits, [0, 0, 1], [batch, anchors, ssd.classes]));
  return { boxes: decodeInGraph(codes, tf.tensor2d(ssd.anchors, [anchors, 4]), codeScales), scores };
}

function targetsOf(objects: readonly Objects[], ssd: Ssd, { matcher, codeScales }: SsdConfig) {
  const anchors = ssd.anchors.length / 4;
  const labels = new Int32Array(objects.length * anchors);
  const labelWeights = new Float32Array(objects.length * anchors);
  const codes = new Float32Array(objects.length * anchors * 4);
  for (const [row, each] of objects.entries()) {
    const targets = assignTargets(each, ssd.anchors, matcher, codeScales);
    labels.set(targets.labels, row * anchors);
    labelWeights.set(targets.labelWeights, row * anchors);
    codes.set(targets.codes, row * anchors * 4);
  }
  return { labels, labelWeights, codes };
}
