import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadTensorFlow } from '../../infra/native/load-tensorflow.ts';
import { createBackbone } from '../backbones/index.ts';
import { paramsOf } from './apply-blocks.ts';
import { initialize } from './initialize.ts';
import { sgdSteps } from './testing/sgd-steps.ts';

beforeAll(() => loadTensorFlow());

const small = { batch: 2, sizePx: 32, classes: 3, seed: 5 };

describe('training', () => {
  it('of MobileNetV2 with its first block frozen is bit-identical in three processes', async () => {
    const script = new URL('../../test/golden/backbones/five-steps-process.ts', import.meta.url).pathname;
    const outputs: string[] = [];
    for (let i = 0; i < 3; i++) {
      const args = ['--import', 'tsx', script, 'mobilenet-v2', '1'];
      outputs.push((await promisify(execFile)(process.execPath, args)).stdout.trim());
    }
    expect(outputs[0]).toMatch(/^{"sha256":"[0-9a-f]{64}","loss":\d/);
    expect(new Set(outputs).size).toBe(1);
  });

  it.each([
    ['tiny-cnn', 0],
    ['mobilenet-v2', 15],
    ['efficientnet-lite0', 18],
    ['resnet50', 15],
  ] as const)('leaks no tensor: %s from block %i', (id, cut) => {
    const before = tf.memory().numTensors;
    const { tensorsAfterStep } = sgdSteps(createBackbone(id), { ...small, steps: 4, cut });
    expect(new Set(tensorsAfterStep).size).toBe(1);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('leaves what is frozen as it was, statistics too, and moves all the rest', () => {
    const backbone = createBackbone('mobilenet-v2');
    const { values } = sgdSteps(backbone, { ...small, steps: 2, cut: 18 });
    const start = initialize(paramsOf(backbone.blocks), small.seed);
    const moved = [...start].filter(([name, value]) => !equal(value, values.get(name)!)).map(([name]) => name);
    expect(moved).toEqual(paramsOf(backbone.blocks, 18).map((spec) => spec.name));
  });

  it('gives the losses of the plain formulas on the JavaScript backend', async () => {
    const options = { ...small, steps: 3, cut: 0 };
    const native = sgdSteps(createBackbone('tiny-cnn'), options);
    await tf.setBackend('cpu');
    try {
      const plain = sgdSteps(createBackbone('tiny-cnn'), options);
      for (const [step, loss] of plain.losses.entries()) expect(native.losses[step]).toBeCloseTo(loss, 4);
      for (const [name, value] of plain.values)
        expect(largestDifference(value, native.values.get(name)!)).toBeLessThan(1e-4);
    } finally {
      await tf.setBackend('tensorflow');
    }
  });
});

function equal(a: Float32Array, b: Float32Array): boolean {
  return a.every((value, i) => Object.is(value, b[i]));
}

function largestDifference(a: Float32Array, b: Float32Array): number {
  return a.reduce((largest, value, i) => Math.max(largest, Math.abs(value - b[i]!)), 0);
}
