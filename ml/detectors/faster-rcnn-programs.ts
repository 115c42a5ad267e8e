import * as tf from '@tensorflow/tfjs';
import { rpnMatcher } from '../../core/detection/matcher.ts';
import { rpnSampler, roiSampler } from '../../core/detection/sampler.ts';
import { defaultScales } from '../../core/detection/box-coder.ts';
import type { RpnTargetOptions } from '../../core/detection/rpn-targets.ts';
import type { InputSpec, Program } from '../engine/index.ts';
import { inferenceContext } from '../nn/contexts.ts';
import type { ApplyContext } from '../nn/module.ts';
import { imageBatch } from '../trainer/images.ts';
import { clipByGlobalNorm, update, variable } from '../trainer/programs.ts';
import type { Learning, StepOptions } from '../trainer/programs.ts';
import { decodeInGraph } from './decode.ts';
import { applyFirstStage, applySecondStage } from './faster-rcnn.ts';
import type { FasterRcnn } from './faster-rcnn.ts';
import { fasterRcnnLoss } from './faster-rcnn-loss.ts';
import type { FasterRcnnLoss, FasterRcnnLossOptions, FasterRcnnTargets } from './faster-rcnn-loss.ts';
import { proposalsOf, roiDraws } from './proposals.ts';
import type { ProposalOptions } from './proposals.ts';
import { suppressClasses } from './suppress.ts';
import type { ClassLimits } from './suppress.ts';

/** Of the published configurations. */
export const rpnTargetOptions: RpnTargetOptions = { matcher: rpnMatcher, sampler: rpnSampler, scales: defaultScales };
export const proposalDefaults: ProposalOptions = {
  ...{ count: 300, iouThreshold: 0.7, scoreThreshold: 0, candidates: 6000, scales: defaultScales },
};
export const fasterRcnnLossDefaults: FasterRcnnLossOptions = {
  proposals: proposalDefaults,
  rois: { sampler: roiSampler, matched: 0.5, addTruths: false, scales: defaultScales },
  weights: { objectness: 1, rpnBoxes: 2, classes: 1, boxes: 2 },
};
export const fasterRcnnSuppression: ClassLimits = { perClass: 100, total: 300, iouThreshold: 0.6, scoreThreshold: 0 };

export interface FasterRcnnStepOptions extends Pick<
  StepOptions,
  'optimizer' | 'averageDecay' | 'backboneRate' | 'clipNorm'
> {
  readonly loss: FasterRcnnLossOptions;
  /** L2 of all kernels, as a share of Σ w²/2; 0 as published. */
  readonly l2: number;
  /** Objects of an image at most; what is more is left out. */
  readonly mostTruths: number;
}

/** What a step changes: without the backbone’s statistics where its BatchNorm is frozen. */
export function fasterRcnnLearning({ params, options }: FasterRcnn): Learning {
  return {
    trainable: params.filter(({ kind }) => kind === 'weight'),
    statistics: options.frozenBatchNorm ? [] : params.filter(({ kind }) => kind === 'statistic'),
  };
}

/** Inputs of a step that are the images’ targets. */
export function targetInputs(
  detector: FasterRcnn,
  batch: number,
  { loss, mostTruths }: Pick<FasterRcnnStepOptions, 'loss' | 'mostTruths'>,
): Record<keyof FasterRcnnTargets, InputSpec> {
  const anchors = detector.anchors.length / 4;
  const draws = roiDraws(Math.min(loss.proposals.count, anchors), mostTruths, loss.rois);
  return {
    rpnLabels: { shape: [batch, anchors], dtype: 'int32' },
    rpnCodes: { shape: [batch, anchors, 4], dtype: 'float32' },
    truthBoxes: { shape: [batch, mostTruths, 4], dtype: 'float32' },
    truthLabels: { shape: [batch, mostTruths], dtype: 'int32' },
    draws: { shape: [batch, draws], dtype: 'float32' },
  };
}

/**
 * Forward, backward and update of both stages on `batch` images of `shape` [height, width, channels]. Inputs: `x` uint8,
 * `targetInputs`, `rate`, `decay` and `averageDecay`. Gives `figures` [5]: the four losses and the whole with L2, before the
 * update. A loss that is not finite stops it (`NotFinite`).
 */
export function fasterRcnnStepProgram(
  detector: FasterRcnn,
  shape: readonly number[],
  batch: number,
  options: FasterRcnnStepOptions,
): Program {
  const learning = fasterRcnnLearning(detector);
  const scalar = { shape: [], dtype: 'float32' } as const;
  return {
    inputs: {
      x: { shape: [batch, ...shape], dtype: 'uint8' },
      ...targetInputs(detector, batch, options),
      ...{ rate: scalar, decay: scalar },
      ...(options.averageDecay === null ? {} : { averageDecay: scalar }),
    },
    run: (inputs, state) => {
      const names = learning.trainable.map(({ name }) => name);
      let figures: tf.Tensor | undefined;
      const forward = (...values: tf.Tensor[]): tf.Scalar => {
        const byName = new Map(names.map((name, index) => [name, values[index]]));
        const context: ApplyContext = {
          param: (name) => byName.get(name) ?? state.get(variable.parameter(name)),
          training: true,
          isFrozen: () => false,
          setStatistic: (name, value) => {
            state.set(variable.parameter(name), value);
          },
          dropoutSeed: (name) => {
            throw new Error(`dropout in ${name} of a detector`);
          },
        };
        const x = imageBatch(given(inputs['x']), detector.backbone.preprocessing);
        const targets = {
          ...{ rpnLabels: given(inputs['rpnLabels']), rpnCodes: given(inputs['rpnCodes']) },
          ...{ truthBoxes: given(inputs['truthBoxes']), truthLabels: given(inputs['truthLabels']) },
          draws: given(inputs['draws']),
        };
        const loss = fasterRcnnLoss(detector, x, targets, options.loss, context);
        const total = loss.total.add(l2Of(detector, options.l2, byName)).asScalar();
        figures = tf.keep(tf.tidy(() => figuresOf(loss, total)));
        return total;
      };
      const { value, grads } = tf.valueAndGrads(forward)(names.map((name) => state.get(variable.parameter(name))));
      const out = given(figures).clone();
      figures?.dispose();
      state.guardFinite(value);
      const gradients = options.clipNorm === null ? grads : clipByGlobalNorm(grads, options.clipNorm);
      update(learning, options, gradients, inputs, state);
      return { figures: out };
    },
  };
}

const figuresOf = ({ objectness, rpnBoxes, classes, boxes }: FasterRcnnLoss, total: tf.Scalar): tf.Tensor =>
  tf.stack([objectness, rpnBoxes, classes, boxes, total]);

/**
 * Pixels → what is found: `boxes` [batch, total, 4] in shares of the image, `scores` and `labels` [batch, total], the surest
 * first; a score of 0 is padding. Softmax, then suppression class by class.
 */
export function fasterRcnnInferProgram(
  detector: FasterRcnn,
  shape: readonly number[],
  batch: number,
  { proposals: options, suppression }: { readonly proposals: ProposalOptions; readonly suppression: ClassLimits },
): Program {
  const { classes } = detector;
  return {
    inputs: { x: { shape: [batch, ...shape], dtype: 'uint8' } },
    run({ x }, state) {
      const context = inferenceContext((name) => state.get(variable.parameter(name)));
      const first = applyFirstStage(detector, imageBatch(given(x), detector.backbone.preprocessing), context);
      const anchors = tf.tensor2d(detector.anchors, [detector.anchors.length / 4, 4]);
      const clipped = detector.options.outside === 'prune' ? tf.clipByValue(anchors, 0, 1) : anchors;
      const proposals = proposalsOf(first, clipped, tf.ones([detector.anchors.length / 4]), options);
      const { logits, codes } = applySecondStage(detector, first.map, proposals.boxes, context);
      const count = proposals.boxes.shape[1] ?? 1;
      const scores = tf.slice(tf.softmax(logits), [0, 0, 1], [batch, count, classes]);
      const boxes = decodeInGraph(codes, proposals.boxes.reshape([batch, count, 1, 4]), options.scales);
      return { ...suppressClasses(boxes, scores.mul(proposals.valid.reshape([batch, count, 1])), suppression) };
    },
  };
}

function l2Of(detector: FasterRcnn, l2: number, values: ReadonlyMap<string, tf.Tensor | undefined>): tf.Tensor {
  if (l2 === 0) return tf.scalar(0);
  const kernels = detector.params.filter(({ decay }) => decay).map(({ name }) => given(values.get(name)));
  return tf.addN(kernels.map((kernel) => kernel.square().sum())).mul(l2 / 2);
}

function given<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('a program lacks a tensor');
  return value;
}
