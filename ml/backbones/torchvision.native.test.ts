import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { elementCount, float32Tensor } from '../../core/checkpoint/tensor-data.ts';
import { loadTensorFlow } from '../../infra/native/load-tensorflow.ts';
import { expectClose, expectSameWeights, sample, testImage, uniform } from '../../test/lib/made-up.ts';
import { applyBlocks, paramsOf } from '../nn/apply-blocks.ts';
import { inferenceContext, paramTensors, paramsIn } from '../nn/contexts.ts';
import { preprocess } from '../nn/preprocessing.ts';
import { loadBackboneWeights } from '../weights/load.ts';
import { matchTensors } from '../weights/match.ts';
import { torchNames } from '../weights/torch/names.ts';
import type { Backbone } from './backbone.ts';
import { createBackbone } from './index.ts';

// Features that torchvision computes with made-up weights: test/golden/backbones/export_torchvision.py.

interface Case {
  readonly sizePx: number;
  readonly featureShape: number[];
  readonly features: number[];
  readonly featureMean: number;
}

const folder = fileURLToPath(new URL('../../test/golden/backbones/', import.meta.url));
const { cases } = JSON.parse(readFileSync(join(folder, 'squeezenet-1.1.json'), 'utf8')) as { cases: Case[] };

let scratch = '';
beforeAll(async () => {
  await loadTensorFlow();
  scratch = mkdtempSync(join(tmpdir(), 'graft-torchvision-'));
});
afterAll(() => {
  rmSync(scratch, { recursive: true });
});

/** SqueezeNet's made-up weights, under torchvision's names and in its layout: kernels [out, in, height, width]. */
function madeUp(backbone: Backbone): Map<string, Float32Array> {
  const specs = paramsOf(backbone.blocks);
  const shapes = new Map(specs.map(({ name, shape }) => [name, shape]));
  const names = torchNames(backbone.id) ?? [];
  const tensors = names.flatMap(({ file, param }) => {
    const own = shapes.get(param ?? '');
    if (own === undefined) return [];
    const [height = 1, width = 1, inputs = 1, outputs = 1] = own;
    const shape = own.length === 4 ? [outputs, inputs, height, width] : own;
    const scale = own.length === 4 ? Math.sqrt(6 / (height * width * inputs)) : 0.1;
    const values = Float32Array.from({ length: elementCount(shape) }, (_, i) => uniform(file, i) * scale);
    return [[file, float32Tensor(values, shape)] as const];
  });
  return matchTensors(new Map(tensors), names, specs, 'made-up');
}

function features(backbone: Backbone, weights: ReadonlyMap<string, Float32Array>, sizePx: number): tf.Tensor {
  return tf.tidy(() => {
    const tensors = paramTensors(paramsOf(backbone.blocks), weights);
    const pixels = preprocess(backbone.preprocessing, testImage(sizePx));
    return applyBlocks(backbone.blocks, 0, backbone.blocks.length, pixels, inferenceContext(paramsIn(tensors)));
  });
}

describe('SqueezeNet 1.1 with made-up weights', () => {
  it.each(cases)('at $sizePx pixels gives the features that torchvision gives', (wanted) => {
    const backbone = createBackbone('squeezenet-1.1');
    const seen = features(backbone, madeUp(backbone), wanted.sizePx);
    expect(seen.shape).toEqual(wanted.featureShape);
    expectClose(sample(seen), wanted.features, 1e-4);
    expectClose(tf.mean(seen).dataSync(), [wanted.featureMean], 1e-4);
    seen.dispose();
  });
});

const python = process.env['GRAFT_BENCH_PYTHON'];

// The goldens (above, and of ResNet50 in golden.native.test.ts) stand in where there is no Python with torchvision.
describe.skipIf(python === undefined)('files that PyTorch itself saves', () => {
  it.each(['squeezenet-1.1', 'resnet50-v1.5'] as const)(
    '%s: .pth and .safetensors give torchvision’s features at 96, 75 and 128 pixels',
    async (name) => {
      execFileSync(python!, ['export_torchvision.py', scratch, name, '96', '75', '128'], {
        cwd: folder,
        stdio: 'pipe',
      });
      const backbone = createBackbone(name);
      const files = ['pth', 'safetensors'].map((form) => join(scratch, `${name}.${form}`));
      const [weights, others] = await Promise.all(files.map((path) => loadBackboneWeights(backbone, path)));
      expectSameWeights(others!, weights!);
      for (const sizePx of [96, 75, 128]) {
        const bytes = readFileSync(join(scratch, `${name}-${sizePx}.f32`));
        const wanted = new Float32Array(new Uint8Array(bytes).buffer);
        const seen = features(backbone, weights!, sizePx);
        expectClose(seen.dataSync(), [...wanted], 1e-4);
        seen.dispose();
      }
    },
    600_000,
  );
});
