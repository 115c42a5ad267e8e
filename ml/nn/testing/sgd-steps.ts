import * as tf from '@tensorflow/tfjs';
import type { Backbone } from '../../backbones/backbone.ts';
import { applyBlocks, paramsOf } from '../apply-blocks.ts';
import { paramTensors, paramsIn, trainingContext } from '../contexts.ts';
import { classificationHead } from '../head.ts';
import { initialize } from '../initialize.ts';
import { preprocess } from '../preprocessing.ts';
import { stream } from '../../../core/rng.ts';

export interface SgdOptions {
  readonly steps: number;
  readonly batch: number;
  readonly sizePx: number;
  readonly classes: number;
  /** Index of the first trainable block. */
  readonly cut: number;
  readonly seed: number;
}

export interface SgdResult {
  readonly losses: readonly number[];
  readonly values: ReadonlyMap<string, Float32Array>;
  /** `tf.memory().numTensors` after each step. */
  readonly tensorsAfterStep: readonly number[];
}

/** Plain gradient descent on made-up images, for tests of the forward and backward pass alone. */
export function sgdSteps(backbone: Backbone, options: SgdOptions): SgdResult {
  const { featureChannels: channels } = backbone;
  const blocks = [...backbone.blocks, ...classificationHead({ channels, classes: options.classes, dropout: 0.2 })];
  const specs = paramsOf(blocks);
  const tensors = paramTensors(specs, initialize(specs, options.seed));
  const trainable = paramsOf(blocks, options.cut).filter((spec) => spec.kind === 'weight');
  const frozenBlocks = new Set(blocks.slice(0, options.cut).map((block) => block.name));
  const losses: number[] = [];
  const tensorsAfterStep: number[] = [];
  for (let step = 0; step < options.steps; step++) {
    const { x, y } = makeBatch(options, step);
    const { ctx, statistics } = trainingContext(paramsIn(tensors), {
      frozenBlocks,
      dropoutSeed: () => tf.tensor1d([step, 0], 'int32'),
    });
    const loss = (): tf.Scalar =>
      tf.tidy(() => {
        const pixels = preprocess(backbone.preprocessing, x);
        const features = applyBlocks(blocks, 0, options.cut, pixels, ctx);
        const logits = applyBlocks(blocks, options.cut, blocks.length, features, ctx);
        return tf.losses.softmaxCrossEntropy(y, logits).asScalar();
      });
    const weights = trainable.map(({ name }) => requireTensor(tensors, name));
    const { value, grads } = tf.valueAndGrads(loss)(weights);
    losses.push(value.dataSync()[0] ?? Number.NaN);
    for (const [index, { name }] of trainable.entries()) descend(tensors, name, grads[index]);
    for (const [name, statistic] of statistics) replace(tensors, name, statistic);
    tf.dispose([value, x, y]);
    tf.dispose(grads);
    tensorsAfterStep.push(tf.memory().numTensors);
  }
  const values = new Map([...tensors].map(([name, tensor]) => [name, Float32Array.from(tensor.dataSync())]));
  for (const tensor of tensors.values()) tensor.dispose();
  return { losses, values, tensorsAfterStep };
}

function makeBatch({ batch, sizePx, classes, seed }: SgdOptions, step: number): { x: tf.Tensor; y: tf.Tensor } {
  const random = stream(seed, 'pixels');
  const pixels = new Float32Array(batch * sizePx * sizePx * 3);
  for (let i = 0; i < pixels.length; i++) pixels[i] = Math.floor(random.uniform(step, i) * 256);
  const labels = Array.from({ length: batch }, (_, i) => (i + step) % classes);
  return {
    x: tf.tensor4d(pixels, [batch, sizePx, sizePx, 3]),
    y: tf.tidy(() => tf.oneHot(tf.tensor1d(labels, 'int32'), classes).toFloat()),
  };
}

function descend(tensors: Map<string, tf.Tensor>, name: string, gradient: tf.Tensor | undefined): void {
  if (gradient === undefined) throw new Error(`no gradient for ${name}`);
  replace(
    tensors,
    name,
    tf.tidy(() => tf.sub(requireTensor(tensors, name), tf.mul(gradient, 0.05))),
  );
}

function replace(tensors: Map<string, tf.Tensor>, name: string, tensor: tf.Tensor): void {
  requireTensor(tensors, name).dispose();
  tensors.set(name, tensor);
}

function requireTensor(tensors: ReadonlyMap<string, tf.Tensor>, name: string): tf.Tensor {
  const tensor = tensors.get(name);
  if (tensor === undefined) throw new Error(`no tensor ${name}`);
  return tensor;
}
