import * as tf from '@tensorflow/tfjs';
import type { FasterRcnnConfig } from '../../contracts/detector-config.ts';
import { sidesAt } from '../../core/detection/boxes.ts';
import { rpnTargets, takingPart } from '../../core/detection/rpn-targets.ts';
import type { TakingPart } from '../../core/detection/rpn-targets.ts';
import type { Objects } from '../../core/detection/targets.ts';
import { stream } from '../../core/rng.ts';
import type { Backbone } from '../backbones/backbone.ts';
import { outputOf } from '../engine/index.ts';
import type { InputSpec, Output } from '../engine/index.ts';
import type { ApplyContext } from '../nn/module.ts';
import { decodeInGraph } from './decode.ts';
import type { Candidates, Detection, Detector, TargetAddress } from './detector.ts';
import { applyFirstStage, applySecondStage, createFasterRcnn } from './faster-rcnn.ts';
import type { FasterRcnn, FirstStage } from './faster-rcnn.ts';
import { fasterRcnnLoss } from './faster-rcnn-loss.ts';
import type { FasterRcnnLossOptions } from './faster-rcnn-loss.ts';
import { proposalsOf, roiDraws } from './proposals.ts';
import type { ProposalOptions, Proposals } from './proposals.ts';
import type { DetectorShape } from './ssd-detector.ts';
import { suppressClasses } from './suppress.ts';

/** A two-stage detector as `model.detector` describes it. */
export function fasterRcnnDetector(
  backbone: Backbone,
  config: FasterRcnnConfig,
  shape: DetectorShape,
): Detector & { readonly network: FasterRcnn } {
  const { firstStage, secondStage, anchors } = config;
  const network = createFasterRcnn(backbone, {
    ...shape,
    anchors,
    ...{ rpnChannels: firstStage.channels, rpnDeviation: firstStage.deviation, cropPx: secondStage.cropPx },
    ...{ outside: anchors.outside, frozenBatchNorm: config.batchNorm === 'frozen' },
  });
  const loss = lossOptionsOf(config);
  const learning = takingPart(network.anchors, network.inside);
  return {
    kind: 'faster-rcnn',
    ...{ network, backbone: network.backbone, classes: shape.classes, params: network.params, l2: config.l2 },
    anchors: network.anchors,
    lossNames: ['objectness', 'proposals', 'classes', 'boxes'],
    suppression: { ...config.postprocess, clips: true },
    targetSpecs: (batch) => specsOf(network, config, batch),
    targets: (objects, address) => targetsOf(network, learning, config, objects, address),
    losses: (x, { rpnLabels, rpnCodes, truthBoxes, truthLabels, draws }, ctx) => {
      if (!rpnLabels || !rpnCodes || !truthBoxes || !truthLabels || !draws) throw new Error('a target is missing');
      const targets = { rpnLabels, rpnCodes, truthBoxes, truthLabels, draws };
      const { objectness, rpnBoxes, classes, boxes } = fasterRcnnLoss(network, x, targets, loss, ctx);
      return [objectness, rpnBoxes, classes, boxes];
    },
    proposals: proposalCount(network, config),
    candidates: (x, ctx, given) =>
      candidatesOf(network, config, x, ctx, (first) =>
        given ? { boxes: given, valid: isThere(given) } : proposed(network, loss.proposals, first),
      ),
    infer: (x, ctx) => {
      const propose = (first: FirstStage): Proposals => proposed(network, loss.proposals, first);
      const { boxes, scores, proposals } = candidatesOf(network, config, x, ctx, propose);
      return { ...suppressClasses(boxes, scores, config.postprocess), proposals };
    },
    detections: (outputs, rows) => detectionsOf(outputs, rows, config.postprocess.total),
  };
}

function lossOptionsOf({ firstStage, secondStage, codeScales: scales }: FasterRcnnConfig): FasterRcnnLossOptions {
  const { proposals: count, iouThreshold, candidates } = firstStage;
  const { minibatch: size, positiveShare, matched, addObjects: addTruths } = secondStage;
  return {
    proposals: { count, iouThreshold, candidates, scoreThreshold: 0, scales },
    rois: { sampler: { size, positiveShare }, matched, addTruths, scales },
    weights: {
      ...{ objectness: firstStage.objectWeight, rpnBoxes: firstStage.boxWeight },
      ...{ classes: secondStage.classWeight, boxes: secondStage.boxWeight },
    },
  };
}

const proposalCount = (
  { anchors }: Pick<FasterRcnn, 'anchors'>,
  { firstStage }: Pick<FasterRcnnConfig, 'firstStage'>,
): number => Math.min(firstStage.proposals, firstStage.candidates ?? firstStage.proposals, anchors.length / 4);

const drawsOf = ({ anchors }: FasterRcnn, { firstStage, secondStage }: FasterRcnnConfig): number =>
  roiDraws(proposalCount({ anchors }, { firstStage }), secondStage.mostObjects, { addTruths: secondStage.addObjects });

function specsOf(network: FasterRcnn, config: FasterRcnnConfig, batch: number) {
  const anchors = network.anchors.length / 4;
  const { mostObjects } = config.secondStage;
  return {
    rpnLabels: { shape: [batch, anchors], dtype: 'int32' },
    rpnCodes: { shape: [batch, anchors, 4], dtype: 'float32' },
    truthBoxes: { shape: [batch, mostObjects, 4], dtype: 'float32' },
    truthLabels: { shape: [batch, mostObjects], dtype: 'int32' },
    draws: { shape: [batch, drawsOf(network, config)], dtype: 'float32' },
  } as const satisfies Record<string, InputSpec>;
}

function targetsOf(
  network: FasterRcnn,
  learning: TakingPart,
  config: FasterRcnnConfig,
  objects: readonly Objects[],
  { seed, epoch, indexes }: TargetAddress,
) {
  const { firstStage, secondStage, codeScales: scales } = config;
  const [count, most, drawn] = [learning.anchors, secondStage.mostObjects, drawsOf(network, config)];
  const made = {
    rpnLabels: new Int32Array(objects.length * count),
    rpnCodes: new Float32Array(objects.length * count * 4),
    truthBoxes: new Float32Array(objects.length * most * 4),
    truthLabels: new Int32Array(objects.length * most),
    draws: new Float32Array(objects.length * drawn),
  };
  const sampler = { size: firstStage.minibatch, positiveShare: firstStage.positiveShare };
  const matcher = { matched: firstStage.matched, unmatched: firstStage.unmatched, forceEach: true };
  const random = stream(seed, 'roi-sample');
  for (const [row, { boxes, labels }] of objects.entries()) {
    const index = indexes[row] ?? row;
    const targets = rpnTargets(boxes, learning, { seed, epoch, index }, { matcher, sampler, scales });
    made.rpnLabels.set(targets.labels, row * count);
    made.rpnCodes.set(targets.codes, row * count * 4);
    made.truthBoxes.set(boxes.subarray(0, most * 4), row * most * 4);
    for (let i = 0; i < Math.min(most, labels.length); i++) made.truthLabels[row * most + i] = (labels[i] ?? 0) + 1;
    for (let i = 0; i < drawn; i += 4) {
      const words = random.words(epoch, index, i / 4).map((word) => word / 0x1_0000_0000);
      made.draws.set(words.slice(0, drawn - i), row * drawn + i);
    }
  }
  return made;
}

function proposed(network: FasterRcnn, proposing: ProposalOptions, first: FirstStage): Proposals {
  const total = network.anchors.length / 4;
  const anchors = tf.tensor2d(network.anchors, [total, 4]);
  const placed = network.options.outside === 'prune' ? tf.clipByValue(anchors, 0, 1) : anchors;
  return proposalsOf(first, placed, tf.ones([total]), proposing);
}

/** [batch, count]: 1 for a proposal, 0 for what only fills the row. */
const isThere = (proposals: tf.Tensor): tf.Tensor => tf.cast(tf.greater(proposals.abs().sum(2), 0), 'float32');

/** Softmax and the boxes of each class; a place without a proposal scores 0. */
function candidatesOf(
  network: FasterRcnn,
  { codeScales }: FasterRcnnConfig,
  x: tf.Tensor,
  ctx: ApplyContext,
  propose: (first: FirstStage) => Proposals,
): Required<Candidates> {
  const batch = x.shape[0] ?? 1;
  const first = applyFirstStage(network, x, ctx);
  const proposals = propose(first);
  const { logits, codes } = applySecondStage(network, first.map, proposals.boxes, ctx);
  const count = proposals.boxes.shape[1] ?? 1;
  const scores = tf.slice(tf.softmax(logits), [0, 0, 1], [batch, count, network.classes]);
  const boxes = decodeInGraph(codes, proposals.boxes.reshape([batch, count, 1, 4]), codeScales);
  return { boxes, scores: scores.mul(proposals.valid.reshape([batch, count, 1])), proposals: proposals.boxes };
}

function detectionsOf(outputs: ReadonlyMap<string, Output>, rows: number, total: number): Detection[][] {
  const of = (name: string): Float32Array => outputOf(outputs, name).values;
  const [boxes, scores, labels] = [of('boxes'), of('scores'), of('labels')];
  return Array.from({ length: rows }, (_, row) =>
    Array.from({ length: total }, (_each, i) => row * total + i)
      .filter((at) => (scores[at] ?? 0) > 0)
      .map((at) => ({ label: labels[at] ?? 0, score: scores[at] ?? 0, box: sidesAt(boxes, at) })),
  );
}
