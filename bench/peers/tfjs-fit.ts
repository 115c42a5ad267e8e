/** tfjs-node's own `fit` on a model of its layers, timed step by step: a child of bench/train.ts. */
import * as tf from '@tensorflow/tfjs';
import { z } from 'zod';
import { asInt32 } from '../../core/checkpoint/tensor-data.ts';
import { loadTensorFlow } from '../../infra/native/load-tensorflow.ts';
import { readSafetensorsFile } from '../../ml/weights/safetensors-file.ts';
import { peakMemoryMb } from '../lib/peak-memory.ts';
import { LAST_N } from '../lib/training-job.ts';

const Spec = z.object({
  backbone: z.enum(['mobilenet-v2', 'efficientnet-lite0', 'resnet50']),
  strategy: z.enum(['full', 'last-n', 'head']),
  sidePx: z.int(),
  classes: z.int(),
  batchSize: z.int(),
  imagesPath: z.string(),
  warmUpSteps: z.int(),
  minSteps: z.int(),
  seconds: z.number(),
  threads: z.int(),
});

/** [expansion, channels, repeats, stride of the first, side of the kernel] */
const INVERTED = {
  'mobilenet-v2': [
    [1, 16, 1, 1, 3],
    [6, 24, 2, 2, 3],
    [6, 32, 3, 2, 3],
    [6, 64, 4, 2, 3],
    [6, 96, 3, 1, 3],
    [6, 160, 3, 2, 3],
    [6, 320, 1, 1, 3],
  ],
  'efficientnet-lite0': [
    [1, 16, 1, 1, 3],
    [6, 24, 2, 2, 3],
    [6, 40, 2, 2, 5],
    [6, 80, 3, 2, 3],
    [6, 112, 3, 1, 5],
    [6, 192, 4, 2, 5],
    [6, 320, 1, 1, 3],
  ],
} as const;
/** [inner channels, repeats, stride of the first] */
const RESNET50 = [
  [64, 3, 1],
  [128, 4, 2],
  [256, 6, 2],
  [512, 3, 2],
] as const;

/** Builds a trunk layer by layer; those of its first blocks are frozen. */
class Trunk {
  private block = 0;
  private readonly frozenBlocks: number;

  constructor(frozenBlocks: number) {
    this.frozenBlocks = frozenBlocks;
  }

  nextBlock(): void {
    this.block++;
  }

  convBn(x: tf.SymbolicTensor, filters: number | null, kernelSize: number, strides: number, most?: number | null) {
    const trainable = this.block >= this.frozenBlocks;
    const shared = { kernelSize, strides, padding: 'same' as const, useBias: false, trainable };
    const conv = filters === null ? tf.layers.depthwiseConv2d(shared) : tf.layers.conv2d({ ...shared, filters });
    const y = tf.layers.batchNormalization({ trainable }).apply(conv.apply(x)) as tf.SymbolicTensor;
    if (most === null) return y;
    return tf.layers.reLU(most === undefined ? {} : { maxValue: most }).apply(y) as tf.SymbolicTensor;
  }
}

const added = (a: tf.SymbolicTensor, b: tf.SymbolicTensor) => tf.layers.add().apply([a, b]) as tf.SymbolicTensor;

function inverted(input: tf.SymbolicTensor, id: keyof typeof INVERTED, trunk: Trunk): tf.SymbolicTensor {
  let x = trunk.convBn(input, 32, 3, 2, 6);
  let width = 32;
  for (const [expansion, channels, repeats, firstStride, kernel] of INVERTED[id]) {
    for (let repeat = 0; repeat < repeats; repeat++) {
      trunk.nextBlock();
      const stride = repeat === 0 ? firstStride : 1;
      let y = x;
      if (expansion > 1) y = trunk.convBn(y, width * expansion, 1, 1, 6);
      y = trunk.convBn(trunk.convBn(y, null, kernel, stride, 6), channels, 1, 1, null);
      x = stride === 1 && width === channels ? added(y, x) : y;
      width = channels;
    }
  }
  trunk.nextBlock();
  return trunk.convBn(x, 1280, 1, 1, 6);
}

function resnet(input: tf.SymbolicTensor, trunk: Trunk): tf.SymbolicTensor {
  let x = trunk.convBn(input, 64, 7, 2);
  x = tf.layers.maxPooling2d({ poolSize: 3, strides: 2, padding: 'same' }).apply(x) as tf.SymbolicTensor;
  for (const [inner, repeats, firstStride] of RESNET50) {
    for (let repeat = 0; repeat < repeats; repeat++) {
      trunk.nextBlock();
      const stride = repeat === 0 ? firstStride : 1;
      const y = trunk.convBn(trunk.convBn(trunk.convBn(x, inner, 1, 1), inner, 3, stride), inner * 4, 1, 1, null);
      const shortcut = repeat === 0 ? trunk.convBn(x, inner * 4, 1, stride, null) : x;
      x = tf.layers.reLU().apply(added(y, shortcut)) as tf.SymbolicTensor;
    }
  }
  return x;
}

const spec = Spec.parse(JSON.parse(process.argv[2] ?? '{}'));
await loadTensorFlow({ threads: spec.threads });
const blocks = spec.backbone === 'resnet50' ? 17 : 19 - (spec.backbone === 'mobilenet-v2' ? 0 : 1);
const trunk = new Trunk({ full: 0, 'last-n': blocks - LAST_N, head: blocks }[spec.strategy]);
const input = tf.input({ shape: [spec.sidePx, spec.sidePx, 3] });
const features = spec.backbone === 'resnet50' ? resnet(input, trunk) : inverted(input, spec.backbone, trunk);
const pooled = tf.layers.globalAveragePooling2d({}).apply(features);
const outputs = tf.layers.dense({ units: spec.classes, activation: 'softmax' }).apply(pooled) as tf.SymbolicTensor;
const model = tf.model({ inputs: input, outputs });
model.compile({ optimizer: tf.train.adam(1e-3), loss: 'categoricalCrossentropy', metrics: ['accuracy'] });

const { tensors } = await readSafetensorsFile(spec.imagesPath);
const images = tensors.get('images');
const labels = tensors.get('labels');
if (!images || !labels) throw new Error(`${spec.imagesPath}: no images or labels`);
const [rows = 0] = images.shape;
const shape: [number, number, number, number] = [rows, spec.sidePx, spec.sidePx, 3];
const pixels = tf.tidy(() => tf.tensor4d(new Float32Array(images.data), shape).sub(127).div(128));
const truth = tf.tidy(() => tf.oneHot(tf.tensor1d(asInt32(labels), 'int32'), spec.classes).toFloat());

const stepMs: number[] = [];
let steps = 0;
let last = performance.now();
let timedFrom = last;
await model.fit(pixels, truth, {
  batchSize: spec.batchSize,
  epochs: 1_000_000,
  verbose: 0,
  callbacks: {
    onBatchEnd: () => {
      const now = performance.now();
      if (++steps <= spec.warmUpSteps) timedFrom = now;
      else stepMs.push(now - last);
      last = now;
      model.stopTraining = stepMs.length >= spec.minSteps && now - timedFrom >= spec.seconds * 1000;
    },
  },
});
process.stdout.write(`${JSON.stringify({ stepMs, peakMb: peakMemoryMb(process.pid) })}\n`);
process.exit(0);
