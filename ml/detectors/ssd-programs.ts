import * as tf from '@tensorflow/tfjs';
import type { Program } from '../engine/index.ts';
import { inferenceContext } from '../nn/contexts.ts';
import type { ApplyContext } from '../nn/module.ts';
import { imageBatch } from '../trainer/images.ts';
import { clipByGlobalNorm, update, variable } from '../trainer/programs.ts';
import type { Learning, StepOptions } from '../trainer/programs.ts';
import { decodeInGraph } from './decode.ts';
import { applySsd } from './ssd.ts';
import type { Ssd } from './ssd.ts';
import { ssdLoss } from './ssd-loss.ts';
import type { SsdLossOptions } from './ssd-loss.ts';

export interface SsdStepOptions extends Pick<StepOptions, 'optimizer' | 'averageDecay' | 'backboneRate' | 'clipNorm'> {
  readonly loss: SsdLossOptions;
  /** L2 of all kernels, as a share of Σ w²/2; the published configurations have 4e-5. */
  readonly l2: number;
}

/** Everything of the detector that a step changes. */
export function learningOf(ssd: Ssd): Learning {
  return {
    trainable: ssd.params.filter(({ kind }) => kind === 'weight'),
    statistics: ssd.params.filter(({ kind }) => kind === 'statistic'),
  };
}

/**
 * Forward, backward and update on `batch` images of `shape` [height, width, channels]. Inputs: `x` uint8 [batch, …shape],
 * `labels` int32 [batch, anchors], `codes` float32 [batch, anchors, 4] (core/detection/targets.ts), `rate`, `decay` and
 * `averageDecay`. Gives `figures` [3]: the losses of classes and boxes and the whole with L2, before the update. A loss that
 * is not finite stops it (`NotFinite`).
 */
export function ssdStepProgram(ssd: Ssd, shape: readonly number[], batch: number, options: SsdStepOptions): Program {
  const learning = learningOf(ssd);
  const anchors = ssd.anchors.length / 4;
  const scalar = { shape: [], dtype: 'float32' } as const;
  return {
    inputs: {
      x: { shape: [batch, ...shape], dtype: 'uint8' },
      labels: { shape: [batch, anchors], dtype: 'int32' },
      codes: { shape: [batch, anchors, 4], dtype: 'float32' },
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
        const output = applySsd(ssd, imageBatch(given(inputs['x']), ssd.backbone.preprocessing), context);
        const targets = { labels: given(inputs['labels']), codes: given(inputs['codes']) };
        const loss = ssdLoss(output, targets, tf.tensor2d(ssd.anchors, [anchors, 4]), options.loss);
        const total = loss.total.add(l2Of(ssd, options.l2, byName)).asScalar();
        figures = tf.keep(tf.tidy(() => tf.stack([loss.classes, loss.boxes, total])));
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

/** Pixels → `boxes` [batch, anchors, 4] in shares of the image and `scores` [batch, anchors, classes], background left out. */
export function ssdInferProgram(ssd: Ssd, shape: readonly number[], batch: number): Program {
  const anchors = ssd.anchors.length / 4;
  return {
    inputs: { x: { shape: [batch, ...shape], dtype: 'uint8' } },
    run({ x }, state) {
      const context = inferenceContext((name) => state.get(variable.parameter(name)));
      const output = applySsd(ssd, imageBatch(given(x), ssd.backbone.preprocessing), context);
      const scores = tf.sigmoid(tf.slice(output.logits, [0, 0, 1], [batch, anchors, ssd.classes]));
      return { boxes: decodeInGraph(output.codes, tf.tensor2d(ssd.anchors, [anchors, 4])), scores };
    },
  };
}

function l2Of(ssd: Ssd, l2: number, values: ReadonlyMap<string, tf.Tensor | undefined>): tf.Tensor {
  const kernels = ssd.params.filter(({ decay }) => decay).map(({ name }) => given(values.get(name)));
  return l2 === 0 ? tf.scalar(0) : tf.addN(kernels.map((kernel) => kernel.square().sum())).mul(l2 / 2);
}

function given<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('a program lacks a tensor');
  return value;
}
