import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { backboneFacts, backboneNames } from '../../core/backbone-facts.ts';
import { weightSource } from '../../core/weight-sources.ts';
import { elementCount } from '../../core/checkpoint/tensor-data.ts';
import { applyBlocks, paramsOf } from '../nn/apply-blocks.ts';
import { inferenceContext, paramTensors, paramsIn, trainingContext } from '../nn/contexts.ts';
import { classificationHead } from '../nn/head.ts';
import { initialize } from '../nn/initialize.ts';
import { checkPreprocessing, normalizedBy, preprocess } from '../nn/preprocessing.ts';
import { torchNames } from '../weights/torch/names.ts';
import type { BackboneId } from './backbone.ts';
import { countWeights } from './backbone.ts';
import { createBackbone } from './index.ts';

beforeAll(() => tf.setBackend('cpu'));

const LAST_STRIDE: Partial<Record<BackboneId, number>> = { 'tiny-cnn': 8, 'squeezenet-1.1': 16 };

describe.each(backboneNames)('%s', (id) => {
  const backbone = createBackbone(id);
  const head = classificationHead({ channels: backbone.featureChannels, classes: 1000, dropout: 0.2 });
  const specs = paramsOf([...backbone.blocks, ...head]);

  it('has the published number of learned values with a 1000-class head', () => {
    const { publishedParameters, classifierParameters = countWeights(paramsOf(head)) } = backbone.provenance;
    const own = countWeights(paramsOf(backbone.blocks));
    if (publishedParameters !== null) expect(own + classifierParameters).toBe(publishedParameters);
    else expect(own).toBe({ 'tiny-cnn': 20_224, 'inception-v2': 10_153_336 }[String(id)]);
  });

  it('names every parameter once, below its block', () => {
    expect(new Set(specs.map((spec) => spec.name)).size).toBe(specs.length);
    for (const block of [...backbone.blocks, ...head]) {
      for (const spec of block.params) expect(spec.name.startsWith(`${block.name}/`)).toBe(true);
    }
    for (const spec of specs) expect(elementCount(spec.shape)).toBeGreaterThan(0);
  });

  it('decays kernels alone, and moves statistics alone', () => {
    for (const spec of specs) {
      expect(spec.decay).toBe(spec.name.endsWith('/kernel'));
      expect(spec.kind === 'statistic').toBe(/\/moving_(mean|variance)$/.test(spec.name));
    }
  });

  it('cuts after every block, at strides that double, and ends at the features', () => {
    expect(backbone.cutPoints.map((cut) => cut.afterBlock)).toEqual(backbone.blocks.map((_, index) => index));
    expect(backbone.cutPoints.at(-1)).toMatchObject({ channels: backbone.featureChannels });
    expect(backbone.cutPoints.at(-1)?.stridePx).toBe(LAST_STRIDE[id] ?? 32);
  });

  it('agrees with the facts that are known without TensorFlow', () => {
    const facts = backboneFacts[id];
    expect(facts).toMatchObject({
      defaultSizePx: backbone.defaultSizePx,
      minSizePx: backbone.minimumSizePx,
      normalization: backbone.preprocessing.id,
      blocks: backbone.blocks.length,
      hasImagenet: weightSource(id, 'imagenet') !== null,
    });
    expect(weightSource(id, 'imagenet')?.normalization ?? facts.normalization).toBe(facts.normalization);
  });

  it('has a PyTorch name for each parameter and no more, where a file is published', () => {
    const names = torchNames(id);
    if (names === null) return;
    expect(names.map((name) => name.param).sort()).toEqual(specs.map((spec) => spec.name).sort());
    expect(new Set(names.map((name) => name.file)).size).toBe(names.length);
  });
});

describe('layers that count', () => {
  it.each([
    ['tiny-cnn', 4],
    ['mobilenet-v2', 52],
    ['efficientnet-lite0', 49],
    ['resnet50-v1.5', 53],
    ['resnet50', 53],
    ['vgg16', 13],
    ['mobilenet-v1', 27],
    ['mobilenet-v2-keras', 52],
    ['efficientnet-b0', 81],
    ['squeezenet-1.1', 25],
    ['inception-v2', 70],
    ['inception-v3', 94],
    ['inception-v4', 149],
  ] as const)('%s: %i convolutions', (id, count) => {
    expect(createBackbone(id).blocks.reduce((sum, block) => sum + block.layers, 0)).toBe(count);
  });
});

describe.each(['resnet50-v1.5', 'resnet50'] as const)('%s', (id) => {
  const { blocks, cutPoints } = createBackbone(id);
  const specs = paramsOf(blocks);

  it('can be cut at the end of each of its stages', () => {
    const ends = [0, 3, 7, 13, 16].map((index) => cutPoints[index]);
    expect(ends.map((cut) => cut?.name)).toEqual(['stem', 'blocks.2', 'blocks.6', 'blocks.12', 'blocks.15']);
    expect(ends.map((cut) => [cut?.stridePx, cut?.channels])).toEqual([
      [4, 64],
      [4, 256],
      [8, 512],
      [16, 1024],
      [32, 2048],
    ]);
  });

  it('has a shortcut with weights in the first block of a stage alone, and biases in Keras’s form alone', () => {
    const shortcuts = specs.filter(({ name }) => name.endsWith('/shortcut/kernel')).map(({ name }) => name);
    expect(shortcuts).toEqual([0, 3, 7, 13].map((block) => `backbone/blocks.${block}/shortcut/kernel`));
    const biases = specs.filter(({ name }) => name.endsWith('/bias'));
    expect(biases.length).toBe(id === 'resnet50' ? 53 : 0);
  });

  // 53,120 statistics: two for each of the 26,560 channels that a convolution gives out.
  it('keeps as many statistics as its publisher counts', () => {
    const statistics = specs.filter(({ kind }) => kind === 'statistic');
    expect(statistics.reduce((sum, { shape }) => sum + elementCount(shape), 0)).toBe(25_636_712 - 25_583_592);
  });
});

describe('tiny-cnn on the JavaScript backend', () => {
  const backbone = createBackbone('tiny-cnn');
  const blocks = [...backbone.blocks, ...classificationHead({ channels: 32, classes: 3, dropout: 0.5 })];
  const specs = paramsOf(blocks);
  const pixels = (side: number): tf.Tensor => tf.fill([2, side, side, 3], 100);

  it.each([16, 17, 32])('takes pictures of %i pixels', (side) => {
    const tensors = paramTensors(specs, initialize(specs, 1));
    const features = applyBlocks(blocks, 0, 4, pixels(side), inferenceContext(paramsIn(tensors)));
    expect(features.shape).toEqual([2, Math.ceil(side / 8), Math.ceil(side / 8), 32]);
    expect(applyBlocks(blocks, 4, blocks.length, features, inferenceContext(paramsIn(tensors))).shape).toEqual([2, 3]);
  });

  it('gives the same result in one piece and cut anywhere, and leaves no tensor behind', () => {
    const tensors = paramTensors(specs, initialize(specs, 1));
    const ctx = inferenceContext(paramsIn(tensors));
    const x = pixels(16);
    const before = tf.memory().numTensors;
    const whole = applyBlocks(blocks, 0, blocks.length, x, ctx);
    for (let cut = 0; cut <= blocks.length; cut++) {
      const middle = applyBlocks(blocks, 0, cut, x, ctx);
      const end = applyBlocks(blocks, cut, blocks.length, middle, ctx);
      expect([...end.dataSync()]).toEqual([...whole.dataSync()]);
      tf.dispose([middle, end]);
    }
    whole.dispose();
    expect(tf.memory().numTensors).toBe(before);
    expect(x.isDisposed).toBe(false);
  });

  it('reports statistics of trainable blocks alone, and random draws in training alone', () => {
    const tensors = paramTensors(specs, initialize(specs, 1));
    const frozenBlocks = new Set(['backbone/conv1', 'backbone/conv2']);
    const drawn: string[] = [];
    const { ctx, statistics } = trainingContext(paramsIn(tensors), {
      frozenBlocks,
      dropoutSeed: (name) => {
        drawn.push(name);
        return tf.tensor1d([1, 2], 'int32');
      },
    });
    applyBlocks(blocks, 0, blocks.length, pixels(16), ctx);
    expect([...statistics.keys()]).toEqual(
      ['conv3', 'conv4'].flatMap((name) => [`backbone/${name}/bn/moving_mean`, `backbone/${name}/bn/moving_variance`]),
    );
    expect(drawn).toEqual(['head/dropout']);
    applyBlocks(blocks, 0, blocks.length, pixels(16), inferenceContext(paramsIn(tensors)));
  });
});

describe('trainingContext', () => {
  it('keeps the last value of a statistic past its tidy, and only that one', () => {
    const { ctx, statistics } = trainingContext(paramsIn(new Map()), {
      frozenBlocks: new Set(),
      dropoutSeed: () => tf.tensor1d([0, 0], 'int32'),
    });
    const before = tf.memory().numTensors;
    for (const value of [1, 2]) tf.tidy(() => ctx.setStatistic('mean', tf.scalar(value)));
    expect(tf.memory().numTensors).toBe(before + 1);
    expect(statistics.get('mean')?.dataSync()[0]).toBe(2);
    tf.dispose([...statistics.values()]);
  });
});

describe('preprocessing', () => {
  it.each([
    ['efficientnet-lite0', [(0 - 127) / 128, (127 - 127) / 128, (255 - 127) / 128]],
    ['tiny-cnn', [-1, 127 / 127.5 - 1, 1]],
    ['resnet50', [255 - 103.939, 127 - 116.779, 0 - 123.68]],
    ['mobilenet-v2', [-0.485 / 0.229, (127 / 255 - 0.456) / 0.224, (1 - 0.406) / 0.225]],
  ] as const)('%s', (id, expected) => {
    const y = preprocess(createBackbone(id).preprocessing, tf.tensor4d([0, 127, 255], [1, 1, 1, 3])).dataSync();
    for (const [channel, value] of expected.entries()) expect(y[channel]).toBeCloseTo(value, 5);
  });

  it('takes measured figures in place of its own, and keeps the order of its channels', () => {
    const name = 'measured:100,50,25/10,20,5';
    const pixels = tf.tensor4d([110, 50, 20], [1, 1, 1, 3]);
    const rgb = normalizedBy(createBackbone('tiny-cnn'), name);
    expect([...preprocess(rgb.preprocessing, pixels).dataSync()]).toEqual([1, 0, -1]);
    const bgr = normalizedBy(createBackbone('resnet50'), name);
    expect([...preprocess(bgr.preprocessing, pixels).dataSync()]).toEqual([-1, 0, 1]);
    expect(checkPreprocessing(rgb, name, 'shard').ok).toBe(true);
    expect(checkPreprocessing(rgb, 'minus1-to-1', 'shard').ok).toBe(false);
    expect(normalizedBy(bgr, 'bgr-minus-mean')).toBe(bgr);
  });

  it('refuses what was normalized otherwise', () => {
    const backbone = createBackbone('efficientnet-lite0');
    expect(checkPreprocessing(backbone, 'minus127-over128', 'shard').ok).toBe(true);
    const result = checkPreprocessing(backbone, 'imagenet-mean-std', 'image.normalization');
    expect(result.ok ? '' : result.error.message).toMatch(
      /^NORMALIZATION_MISMATCH: image.normalization — imagenet-mean-std/,
    );
  });
});
