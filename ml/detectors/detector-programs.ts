import * as tf from '@tensorflow/tfjs';
import { augmentationInputShapes } from '../../core/augment/inputs.ts';
import type { AugmentSettings } from '../../core/augment/settings.ts';
import { augmentImages } from '../augment/augment-images.ts';
import type { Program, ProgramState } from '../engine/index.ts';
import { inferenceContext } from '../nn/contexts.ts';
import type { ApplyContext } from '../nn/module.ts';
import { imageBatch } from '../trainer/images.ts';
import { clipByGlobalNorm, movingSpecs, update, variable } from '../trainer/programs.ts';
import type { Learning, StepOptions } from '../trainer/programs.ts';
import type { Detector } from './detector.ts';

/** A detector, and which part of it learns: blocks of the backbone before the cut keep weights and statistics. */
export interface LearningDetector extends Learning {
  readonly detector: Detector;
  readonly frozenBlocks: ReadonlySet<string>;
}

/** All but the first `cut` blocks of the backbone learns. */
export function learningDetector(detector: Detector, cut: number): LearningDetector {
  const frozen = detector.backbone.blocks.slice(0, cut);
  const still = new Set(frozen.flatMap(({ params }) => params.map(({ name }) => name)));
  const learning = detector.params.filter(({ name }) => !still.has(name));
  return {
    detector,
    frozenBlocks: new Set(frozen.map(({ name }) => name)),
    trainable: learning.filter(({ kind }) => kind === 'weight'),
    statistics: learning.filter(({ kind }) => kind === 'statistic'),
  };
}

export interface DetectorStepOptions extends Pick<
  StepOptions,
  'optimizer' | 'averageDecay' | 'backboneRate' | 'clipNorm' | 'movesMomentum'
> {
  /** Null where nothing is augmented. */
  readonly augment: AugmentSettings | null;
}

/**
 * Forward, backward and update on `batch` images of `shape` [height, width, channels]. Inputs: `x` uint8 [batch, …shape],
 * the detector's targets, what augmentation draws, `rate`, `decay`, and where they are used `averageDecay` and `momentum`.
 * Gives `figures`: the losses in the order of `lossNames`, then their sum with L2, before the update. A sum that is not
 * finite stops it (`NotFinite`).
 */
export function detectorStepProgram(
  learning: LearningDetector,
  shape: readonly number[],
  batch: number,
  options: DetectorStepOptions,
): Program {
  const { detector } = learning;
  const { augment } = options;
  const scalar = { shape: [], dtype: 'float32' } as const;
  return {
    inputs: {
      x: { shape: [batch, ...shape], dtype: 'uint8' },
      ...detector.targetSpecs(batch),
      ...(augment ? augmentationInputShapes(augment, batch) : {}),
      ...{ rate: scalar, decay: scalar },
      ...(options.movesMomentum ? { momentum: scalar } : {}),
      ...(options.averageDecay === null ? {} : { averageDecay: scalar }),
    },
    run: (inputs, state) => {
      const names = learning.trainable.map(({ name }) => name);
      let figures: tf.Tensor | undefined;
      const forward = (...values: tf.Tensor[]): tf.Scalar => {
        const byName = new Map(names.map((name, index) => [name, values[index]]));
        const ctx = trainingContext(learning, byName, state);
        const pixels = given(inputs['x']);
        const seen = augment ? augmentImages(augment, rank4(pixels), inputs) : pixels;
        const losses = detector.losses(imageBatch(seen, detector.backbone.preprocessing), inputs, ctx);
        const total = tf.addN([...losses, l2Of(learning, byName)]).asScalar();
        figures = tf.keep(tf.tidy(() => tf.stack([...losses, total])));
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

/** Pixels and targets → `losses`, in the order of `lossNames`, with stored statistics and nothing updated. */
export function detectorLossProgram(
  learning: LearningDetector,
  shape: readonly number[],
  batch: number,
  averaged: boolean,
): Program {
  const { detector } = learning;
  return {
    inputs: { x: { shape: [batch, ...shape], dtype: 'uint8' }, ...detector.targetSpecs(batch) },
    run(inputs, state) {
      const x = imageBatch(given(inputs['x']), detector.backbone.preprocessing);
      return { losses: tf.stack([...detector.losses(x, inputs, stored(learning, state, averaged))]) };
    },
  };
}

/** Pixels → the detector's raw outputs, with the weights or with their moving averages. Rows may be padding. */
export function detectorInferProgram(
  learning: LearningDetector,
  shape: readonly number[],
  batch: number,
  averaged: boolean,
): Program {
  const { detector } = learning;
  return {
    inputs: { x: { shape: [batch, ...shape], dtype: 'uint8' } },
    run({ x }, state) {
      return detector.infer(imageBatch(given(x), detector.backbone.preprocessing), stored(learning, state, averaged));
    },
  };
}

/** Pixels → `boxes` and `scores` before suppression: what exports begin with. */
export function detectorCandidatesProgram(
  learning: LearningDetector,
  shape: readonly number[],
  batch: number,
): Program {
  const { detector } = learning;
  return {
    inputs: { x: { shape: [batch, ...shape], dtype: 'uint8' } },
    run({ x }, state) {
      const seen = imageBatch(given(x), detector.backbone.preprocessing);
      return { ...detector.candidates(seen, stored(learning, state, false)) };
    },
  };
}

/** Pixels of one image and `proposals` [1, count, 4] → what a second stage makes of them: `boxes` and `scores`. */
export function secondStageProgram(learning: LearningDetector, shape: readonly number[], count: number): Program {
  const { detector } = learning;
  return {
    inputs: { x: { shape: [1, ...shape], dtype: 'uint8' }, proposals: { shape: [1, count, 4], dtype: 'float32' } },
    run({ x, proposals }, state) {
      const seen = imageBatch(given(x), detector.backbone.preprocessing);
      return { ...detector.candidates(seen, stored(learning, state, false), given(proposals)) };
    },
  };
}

function trainingContext(
  { frozenBlocks }: LearningDetector,
  values: ReadonlyMap<string, tf.Tensor | undefined>,
  state: ProgramState,
): ApplyContext {
  return {
    param: (name) => values.get(name) ?? state.get(variable.parameter(name)),
    training: true,
    isFrozen: (block) => frozenBlocks.has(block),
    setStatistic: (name, value) => {
      state.set(variable.parameter(name), value);
    },
    dropoutSeed: (name) => {
      throw new Error(`dropout in ${name} of a detector`);
    },
  };
}

function stored(learning: LearningDetector, state: ProgramState, averaged: boolean): ApplyContext {
  const moving = new Set(averaged ? movingSpecs(learning).map(({ name }) => name) : []);
  return inferenceContext((name) => state.get(moving.has(name) ? variable.average(name) : variable.parameter(name)));
}

function l2Of(
  { trainable, detector }: LearningDetector,
  values: ReadonlyMap<string, tf.Tensor | undefined>,
): tf.Tensor {
  const kernels = trainable.filter(({ decay }) => decay).map(({ name }) => given(values.get(name)));
  if (detector.l2 === 0 || kernels.length === 0) return tf.scalar(0);
  return tf.addN(kernels.map((kernel) => kernel.square().sum())).mul(detector.l2 / 2);
}

function rank4(x: tf.Tensor): tf.Tensor4D {
  const [n = 1, height = 1, width = 1, channels = 1] = x.shape;
  return x.as4D(n, height, width, channels);
}

function given<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('a program lacks a tensor');
  return value;
}
