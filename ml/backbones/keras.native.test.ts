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
import { kerasNames } from '../weights/keras/names.ts';
import { loadBackboneWeights } from '../weights/load.ts';
import { matchTensors } from '../weights/match.ts';
import type { Backbone, BackboneId } from './backbone.ts';
import { createBackbone } from './index.ts';

// Features that Keras computes with made-up weights, in double precision: test/golden/backbones/export_keras.py.

interface KerasCase {
  readonly name: BackboneId;
  readonly sizePx: number;
  readonly featureShape: number[];
  readonly features: number[];
  readonly featureMean: number;
}

const folder = fileURLToPath(new URL('../../test/golden/backbones/', import.meta.url));
const { cases } = JSON.parse(readFileSync(join(folder, 'keras.json'), 'utf8')) as { cases: KerasCase[] };

let scratch = '';
beforeAll(async () => {
  await loadTensorFlow();
  scratch = mkdtempSync(join(tmpdir(), 'graft-keras-'));
});
afterAll(() => {
  rmSync(scratch, { recursive: true });
});

/** The script's made-up weights, under Keras's names and in its layout. */
function madeUp(backbone: Backbone): Map<string, Float32Array> {
  const specs = paramsOf(backbone.blocks);
  const shapes = new Map(specs.map(({ name, shape }) => [name, shape]));
  const tensors = (kerasNames(backbone) ?? []).flatMap(({ file, param }) => {
    const shape = shapes.get(param ?? '');
    if (shape === undefined) return [];
    const values = Float32Array.from({ length: elementCount(shape) }, (_, i) => element(file, shape, uniform(file, i)));
    return [[file, float32Tensor(values, shape)] as const];
  });
  return matchTensors(new Map(tensors), kerasNames(backbone) ?? [], specs, 'made-up');
}

function element(name: string, shape: readonly number[], value: number): number {
  // A depthwise kernel has one channel out; so has no other.
  const inputs = shape[3] === 1 ? shape.slice(0, 2) : shape.slice(0, -1);
  if (name.endsWith('/kernel')) return value * Math.sqrt((name.includes('project') ? 3 : 6) / elementCount(inputs));
  return /\/(gamma|moving_variance)$/.test(name) ? 1 + 0.5 * value : 0.1 * value;
}

function features(backbone: Backbone, weights: ReadonlyMap<string, Float32Array>, sizePx: number): tf.Tensor {
  return tf.tidy(() => {
    const tensors = paramTensors(paramsOf(backbone.blocks), weights);
    const pixels = preprocess(backbone.preprocessing, testImage(sizePx));
    return applyBlocks(backbone.blocks, 0, backbone.blocks.length, pixels, inferenceContext(paramsIn(tensors)));
  });
}

describe('Keras’s networks with made-up weights', () => {
  it.each(cases)('$name at $sizePx pixels gives the features that Keras gives', (wanted) => {
    const backbone = createBackbone(wanted.name);
    const seen = features(backbone, madeUp(backbone), wanted.sizePx);
    expect(seen.shape).toEqual(wanted.featureShape);
    expectClose(sample(seen), wanted.features, 1e-4);
    expectClose(tf.mean(seen).dataSync(), [wanted.featureMean], 1e-4);
    seen.dispose();
  });
});

const python = process.env['GRAFT_BENCH_PYTHON'];

// The cases above cover these networks where there is no Python with TensorFlow.
describe.skipIf(python === undefined)('files that Keras itself saves', () => {
  const names = [...new Set(cases.map(({ name }) => name))];
  it.each(names)(
    '%s: .h5, .keras and SavedModel give its features at 96, 75 and 128 pixels',
    async (name) => {
      execFileSync(python!, ['export_keras.py', scratch, name, '96', '75', '128'], { cwd: folder, stdio: 'pipe' });
      const backbone = createBackbone(name);
      const files = ['h5', 'keras', 'sm'].map((form) => join(scratch, `${name}.${form}`));
      const [weights, ...others] = await Promise.all(files.map((path) => loadBackboneWeights(backbone, path)));
      for (const other of others) expectSameWeights(other, weights!);
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
