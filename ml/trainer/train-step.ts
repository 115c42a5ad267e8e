import * as tf from '@tensorflow/tfjs';
import { failedError } from '../../core/errors.ts';
import { purposeWord, stream } from '../../core/rng.ts';
import type { OptimizerConfig } from '../../contracts/pipeline-config.ts';
import { applyBlocks } from '../nn/apply-blocks.ts';
import type { ApplyContext } from '../nn/module.ts';
import type { Model } from './model.ts';
import { clipByGlobalNorm, createOptimizer } from './optimizer.ts';
import type { Optimizer } from './optimizer.ts';
import type { TensorStore } from './parameters.ts';

export interface StepOptions {
  readonly optimizer: OptimizerConfig;
  readonly labelSmoothing: number;
  readonly clipNorm: number | null;
  readonly seed: number;
}

/** Where a step stands in the run: what its random draws and its update are a function of. */
export interface StepAddress {
  readonly epoch: number;
  /** 0 for the first step of the run. */
  readonly step: number;
  readonly learningRate: number;
}

export interface StepOutcome {
  /** Mean cross-entropy over the batch, before the update. */
  readonly loss: number;
  readonly correct: number;
}

export interface TrainStep {
  readonly slots: TensorStore;
  readonly optimizer: Optimizer;
  /** Forward, backward and update. `features`: what block `model.prefix` takes; `labels` int32 [batch]. */
  run(features: tf.Tensor, labels: tf.Tensor1D, address: StepAddress): StepOutcome;
}

/** The eager step: tfjs runs op by op on native TensorFlow, bit-identical from process to process for a fixed thread count. */
export function createEagerStep(
  model: Model,
  parameters: TensorStore,
  slots: TensorStore,
  options: StepOptions,
): TrainStep {
  const optimizer = createOptimizer(options.optimizer, model.trainable, parameters, slots);
  const names = model.trainable.map((spec) => spec.name);
  const frozen = new Set(model.blocks.slice(0, model.cut).map((block) => block.name));

  const run = (features: tf.Tensor, labels: tf.Tensor1D, address: StepAddress): StepOutcome => {
    const statistics = new Map<string, tf.Tensor>();
    let figures: tf.Tensor | undefined;
    const forward = (...values: tf.Tensor[]): tf.Scalar => {
      const byName = new Map(names.map((name, index) => [name, values[index]]));
      const context = trainingContext({ parameters, byName, frozen, statistics, seed: options.seed, address });
      const logits = applyBlocks(model.blocks, model.prefix, model.blocks.length, features, context);
      const loss = crossEntropy(logits, labels, options.labelSmoothing);
      figures = tf.keep(tf.tidy(() => tf.stack([loss, countCorrect(logits, labels)])));
      return loss;
    };
    const { value, grads } = tf.valueAndGrads(forward)(names.map((name) => parameters.get(name)));
    value.dispose();
    const [loss = Number.NaN, correct = 0] = figures?.dataSync() ?? [];
    figures?.dispose();
    // Before the update: weights that a non-finite loss has touched can't be saved any more.
    if (!Number.isFinite(loss)) {
      tf.dispose([grads, [...statistics.values()]]);
      throw nonFinite(loss, address);
    }
    let gradients = new Map(names.map((name, index) => [name, gradientAt(grads, index)]));
    if (options.clipNorm !== null) gradients = clipByGlobalNorm(gradients, options.clipNorm);
    optimizer.apply(gradients, address.learningRate, address.step + 1);
    for (const gradient of gradients.values()) gradient.dispose();
    for (const [name, tensor] of statistics) parameters.set(name, tensor);
    return { loss, correct };
  };
  return { slots, optimizer, run };
}

/** Mean over the batch of −Σ target·log softmax; smoothing spreads ε evenly over all classes (Szegedy et al. 1512.00567 §7). */
function crossEntropy(logits: tf.Tensor, labels: tf.Tensor1D, smoothing: number): tf.Scalar {
  return tf.tidy(() => {
    const classes = logits.shape[1] ?? 1;
    const oneHot = tf.oneHot(labels, classes).toFloat();
    const target = smoothing > 0 ? oneHot.mul(1 - smoothing).add(smoothing / classes) : oneHot;
    return target.mul(tf.logSoftmax(logits)).sum(1).mean().neg().asScalar();
  });
}

function countCorrect(logits: tf.Tensor, labels: tf.Tensor1D): tf.Scalar {
  return logits.argMax(1).equal(labels).toFloat().sum().asScalar();
}

interface ContextParts {
  readonly parameters: TensorStore;
  readonly byName: ReadonlyMap<string, tf.Tensor | undefined>;
  readonly frozen: ReadonlySet<string>;
  readonly statistics: Map<string, tf.Tensor>;
  readonly seed: number;
  readonly address: StepAddress;
}

function trainingContext({ parameters, byName, frozen, statistics, seed, address }: ContextParts): ApplyContext {
  const dropout = stream(seed, 'dropout');
  return {
    param: (name) => byName.get(name) ?? parameters.get(name),
    training: true,
    isFrozen: (block) => frozen.has(block),
    setStatistic: (name, value) => {
      statistics.get(name)?.dispose();
      statistics.set(name, tf.keep(value.clone()));
    },
    dropoutSeed: (block) => (dropout.words(address.epoch, address.step)[0] ^ purposeWord(block)) >>> 0,
  };
}

function gradientAt(grads: readonly tf.Tensor[], index: number): tf.Tensor {
  const gradient = grads[index];
  if (!gradient) throw new Error(`no gradient at ${index}`);
  return gradient;
}

function nonFinite(loss: number, { step, epoch, learningRate }: StepAddress): Error {
  return failedError(
    'TRAIN_NONFINITE',
    `step ${step + 1} of epoch ${epoch + 1}`,
    `the loss is ${loss} at learning rate ${learningRate}`,
    'a finite loss',
    'lower train.optimizer.learningRate or set train.clipNorm; the last checkpoint is from before',
  );
}
