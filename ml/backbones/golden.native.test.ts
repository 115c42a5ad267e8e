import { readFile } from 'node:fs/promises';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { float32Tensor } from '../../core/checkpoint/tensor-data.ts';
import { settings } from '../../infra/config.ts';
import { loadTensorFlow } from '../../infra/native/load-tensorflow.ts';
import { fetchWeights } from '../../infra/native/weights-fetch.ts';
import { expectClose, sample, testImage, uniform } from '../../test/lib/made-up.ts';
import { applyBlocks, paramsOf } from '../nn/apply-blocks.ts';
import { inferenceContext, paramTensors, paramsIn, trainingContext } from '../nn/contexts.ts';
import { classificationHead } from '../nn/head.ts';
import type { Block } from '../nn/module.ts';
import { preprocess } from '../nn/preprocessing.ts';
import { loadBackboneWeights } from '../weights/load.ts';
import { matchTensors } from '../weights/match.ts';
import type { TensorName } from '../weights/names.ts';
import { torchNames } from '../weights/torch/names.ts';
import type { Backbone, BackboneId } from './backbone.ts';
import { createBackbone } from './index.ts';

// Golden values from other implementations, in Python: test/golden/backbones/make_golden.py and make_resnet_golden.py.

interface ForwardCase {
  readonly sizePx: number;
  readonly featureShape: number[];
  readonly features: number[];
  readonly featureMean: number;
  readonly topClasses: number[];
  readonly topLogits: number[];
  readonly logits: number[];
}

interface Golden {
  readonly shapes: Record<string, number[]>;
  readonly cases: ForwardCase[];
  readonly training: {
    readonly sizePx: number;
    readonly loss: number;
    readonly gradients: Record<string, { readonly norm: number; readonly values: number[] }>;
    readonly moving: Record<string, number[]>;
  };
}

async function golden(name: string): Promise<Golden> {
  return JSON.parse(
    await readFile(new URL(`../../test/golden/backbones/${name}.json`, import.meta.url), 'utf8'),
  ) as Golden;
}

beforeAll(() => loadTensorFlow());

/** The made-up weights of the golden scripts, under PyTorch's names and in its layout. */
function madeUp(name: string, shape: readonly number[], factors: Factors): Float32Array {
  const fanIn = shape.slice(1).reduce((product, size) => product * size, 1);
  const factor = factors.reduce((product, [pattern, by]) => (pattern.test(name) ? product * by : product), 1);
  const element = (value: number): number => {
    if (shape.length > 1) return value * Math.sqrt(6 / fanIn);
    return name.endsWith('running_var') || name.endsWith('.weight') ? 1 + 0.5 * value : 0.1 * value;
  };
  return Float32Array.from({ length: (shape[0] ?? 1) * fanIn }, (_, i) => element(uniform(name, i)) * factor);
}

function withHead(backbone: Backbone, classes: number): Block[] {
  return [...backbone.blocks, ...classificationHead({ channels: backbone.featureChannels, classes, dropout: 0 })];
}

function expectForward(backbone: Backbone, weights: Map<string, Float32Array>, wanted: ForwardCase): void {
  const blocks = withHead(backbone, 1000);
  const ctx = inferenceContext(paramsIn(paramTensors(paramsOf(blocks), weights)));
  const pixels = preprocess(backbone.preprocessing, testImage(wanted.sizePx));
  const features = applyBlocks(blocks, 0, backbone.blocks.length, pixels, ctx);
  const logits = applyBlocks(blocks, backbone.blocks.length, blocks.length, features, ctx);
  expect(features.shape).toEqual(wanted.featureShape);
  expectClose(sample(features), wanted.features, 1e-4);
  expectClose(tf.mean(features).dataSync(), [wanted.featureMean], 5e-6);
  expectClose(sample(logits), wanted.logits, 1e-4);
  const top = tf.topk(logits, 10);
  expect([...top.indices.dataSync()]).toEqual(wanted.topClasses);
  expectClose(top.values.dataSync(), wanted.topLogits, 1e-4);
}

describe('efficientnet-lite0 with its ImageNet weights', () => {
  it('gives the features and logits of an independent implementation at 224 and 96 pixels', async () => {
    const backbone = createBackbone('efficientnet-lite0');
    const file = await fetchWeights('efficientnet-lite0', 'imagenet', settings());
    const weights = await loadBackboneWeights(backbone, file!.path, { classes: 1000 });
    for (const wanted of (await golden('efficientnet-lite0')).cases) expectForward(backbone, weights, wanted);
  });
});

/** Values are multiplied by the factor where the pattern is in the name. */
type Factors = readonly (readonly [pattern: RegExp, factor: number])[];

/** torchvision's names for Keras's form: the same, and a bias for each convolution. */
function withBiases(names: readonly TensorName[]): TensorName[] {
  const isConvolution = ({ transposition }: TensorName): boolean => transposition === 'convolution';
  return names.flatMap((name) => [name, ...(isConvolution(name) ? [biasBeside(name)] : [])]);
}

const biasBeside = ({ file, param }: TensorName): TensorName => ({
  file: file.replace(/weight$/, 'bias'),
  param: (param ?? '').replace(/kernel$/, 'bias'),
  transposition: 'none',
});

const branches = [/\.bn3\.weight$/, 0.25] as const;

interface MadeUpCase {
  readonly id: BackboneId;
  readonly names: readonly TensorName[];
  readonly factors: Factors;
  /** Tensors so near the end that their gradients hardly differ between two implementations. */
  readonly last: RegExp;
}

describe.each<MadeUpCase>([
  { id: 'mobilenet-v2', names: torchNames('mobilenet-v2')!, factors: [], last: /^(classifier|features\.1[78])\./ },
  { id: 'resnet50-v1.5', names: torchNames('resnet50-v1.5')!, factors: [branches], last: /^(fc|layer4\.2)\./ },
  {
    ...{ id: 'resnet50', names: withBiases(torchNames('resnet50-v1.5')!), last: /^(fc|layer4\.2)\./ },
    factors: [branches, [/^bn1\.running_var$/, 4096]],
  },
])('$id with made-up weights', ({ id, names, factors, last }) => {
  const weightsFor = async (backbone: Backbone, classes: number) => {
    const { shapes } = await golden(id);
    const tensors = Object.entries(shapes).map(([name, shape]) => {
      const cut = /^(classifier|fc)\./.test(name) ? [classes, ...shape.slice(1)] : shape;
      return [name, float32Tensor(madeUp(name, cut, factors), cut)] as const;
    });
    return matchTensors(new Map(tensors), names, paramsOf(withHead(backbone, classes)), 'made-up');
  };

  it('gives the features and logits of an independent implementation at an even and an odd size', async () => {
    const backbone = createBackbone(id);
    const weights = await weightsFor(backbone, 1000);
    for (const wanted of (await golden(id)).cases) expectForward(backbone, weights, wanted);
  });

  it('gives the loss, gradients and moving averages of an independent training step', async () => {
    const { training } = await golden(id);
    const backbone = createBackbone(id);
    const blocks = withHead(backbone, 5);
    const tensors = paramTensors(paramsOf(blocks), await weightsFor(backbone, 5));
    const one = testImage(training.sizePx);
    const pixels = preprocess(backbone.preprocessing, tf.concat([one, tf.reverse(one, [1, 2])]));
    const labels = tf.oneHot([1, 2], 5).toFloat();
    const { ctx, statistics } = trainingContext(paramsIn(tensors), {
      frozenBlocks: new Set(),
      dropoutSeed: () => tf.tensor1d([0, 0], 'int32'),
    });
    const wanted = new Map(names.map((name) => [name.file, name]));
    const asked = Object.keys(training.gradients);
    const params = asked.map((name) => tensors.get(wanted.get(name)!.param!)!);
    const { value, grads } = tf.valueAndGrads(() =>
      tf.losses.softmaxCrossEntropy(labels, applyBlocks(blocks, 0, blocks.length, pixels, ctx)).asScalar(),
    )(params);
    expect(value.dataSync()[0]).toBeCloseTo(training.loss, 4);
    for (const [index, name] of asked.entries()) {
      const { norm, values } = training.gradients[name]!;
      const gradient = toTorch(grads[index]!, wanted.get(name)!.transposition);
      // Single precision flips some gates of ReLU, and each flip moves every gradient before it: so the early layers of
      // two correct implementations differ by some percent. ops.native.test.ts holds each operation to 1e-5.
      const late = last.test(name);
      const scale = Math.sqrt(gradient.size) / norm;
      expect(Math.abs(tf.norm(gradient).dataSync()[0]! / norm - 1)).toBeLessThan(late ? 1e-3 : 0.1);
      expectClose(scaled(sample(gradient), scale), scaled(values, scale), late ? 1e-2 : 0.3);
    }
    for (const [name, values] of Object.entries(training.moving)) {
      expectClose(sample(statistics.get(wanted.get(name)!.param!)!), values, 1e-4);
    }
  });
});

const scaled = (values: readonly number[], factor: number): number[] => values.map((value) => value * factor);

function toTorch(gradient: tf.Tensor, transposition: string): tf.Tensor {
  if (transposition === 'convolution') return tf.transpose(gradient, [3, 2, 0, 1]);
  if (transposition === 'depthwise') return tf.transpose(gradient, [2, 3, 0, 1]);
  return transposition === 'linear' ? tf.transpose(gradient) : gradient;
}
