import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeSafetensors } from '../../core/checkpoint/safetensors.ts';
import type { TensorData } from '../../core/checkpoint/tensor-data.ts';
import { float32Tensor } from '../../core/checkpoint/tensor-data.ts';
import { asSha256 } from '../../core/ids.ts';
import { createBackbone } from '../backbones/index.ts';
import { paramsOf } from '../nn/apply-blocks.ts';
import { initialize } from '../nn/initialize.ts';
import { loadBackboneWeights } from './load.ts';
import { permute } from './match.ts';
import { torchNames } from './torch/names.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'graft-weights-'));
});
afterAll(() => rm(folder, { recursive: true }));

const tiny = createBackbone('tiny-cnn');
const own = (): Map<string, TensorData> => {
  const values = initialize(paramsOf(tiny.blocks), 1);
  return new Map(paramsOf(tiny.blocks).map(({ name, shape }) => [name, float32Tensor(values.get(name)!, shape)]));
};

async function write(tensors: ReadonlyMap<string, TensorData>): Promise<string> {
  const path = join(folder, 'w.bin');
  await writeFile(path, encodeSafetensors(tensors));
  return path;
}

const problem = async (tensors: ReadonlyMap<string, TensorData>): Promise<string> => {
  const path = await write(tensors);
  return loadBackboneWeights(tiny, path).then(
    () => 'loaded',
    (error: unknown) => String(error),
  );
};

describe('loadBackboneWeights', () => {
  it('reads its own names, whatever the file is called, and leaves a head out', async () => {
    const tensors = own().set('head/logits/bias', float32Tensor(new Float32Array(2), [2]));
    const values = await loadBackboneWeights(tiny, await write(tensors));
    expect(values).toEqual(initialize(paramsOf(tiny.blocks), 1));
  });

  it('reads a half-precision file', async () => {
    const tensors = own().set('backbone/conv1/bn/gamma', {
      dtype: 'F16',
      shape: [16],
      data: new Uint8Array(32).fill(0x3c),
    });
    const values = await loadBackboneWeights(tiny, await write(tensors));
    expect(values.get('backbone/conv1/bn/gamma')?.[0]).toBeCloseTo(1.0586, 4);
  });

  it('lists what is missing, extra and mis-shaped, at once', async () => {
    const tensors = own();
    tensors.delete('backbone/conv2/kernel');
    tensors.set('backbone/conv9/kernel', float32Tensor(new Float32Array(1), [1]));
    tensors.set('backbone/conv1/bn/beta', float32Tensor(new Float32Array(4), [2, 2]));
    const message = await problem(tensors);
    expect(message).toMatch(/MODEL_WEIGHTS/);
    expect(message).toContain('backbone/conv2/kernel is missing');
    expect(message).toContain('backbone/conv9/kernel is unknown');
    expect(message).toContain('backbone/conv1/bn/beta is [2, 2], not [16]');
  });

  it('refuses NaN, a hash that differs, text, and a file of another network', async () => {
    const nan = own().set('backbone/conv1/bn/beta', float32Tensor(new Float32Array(16).fill(Number.NaN), [16]));
    expect(await problem(nan)).toMatch(/MODEL_WEIGHTS.*NaN.*conv1\/bn\/beta/);
    expect(await problem(new Map([['a', float32Tensor(new Float32Array(1), [1])]]))).toMatch(
      /MODEL_WEIGHTS.*such as a/,
    );
    const path = await write(own());
    const sha256 = asSha256('0'.repeat(64));
    await expect(loadBackboneWeights(tiny, path, { sha256 })).rejects.toThrow(/^MODEL_HASH/);
    await writeFile(path, 'not weights at all');
    await expect(loadBackboneWeights(tiny, path)).rejects.toThrow(/^MODEL_FORMAT/);
    await expect(loadBackboneWeights(tiny, join(folder, 'none'))).rejects.toThrow(/^MODEL_FILE/);
  });

  it('reads PyTorch’s names and layout out of safetensors, with the counters that it ignores', async () => {
    const backbone = createBackbone('mobilenet-v2');
    const specs = new Map(paramsOf(backbone.blocks).map((spec) => [spec.name, spec]));
    const tensors = new Map<string, TensorData>();
    for (const { file, param, transposition } of torchNames('mobilenet-v2') ?? []) {
      const [a = 1, b = 1, c = 1, d = 1] = specs.get(param ?? '')?.shape ?? [1280, 1000];
      const shape = {
        convolution: [d, c, a, b],
        depthwise: [c, d, a, b],
        linear: [b, a],
        pointwise: [b, a, 1, 1],
        squeeze: [1, 1, a, b],
        none: [a],
      }[transposition];
      const count = shape.reduce((product, size) => product * size, 1);
      tensors.set(
        file,
        float32Tensor(
          Float32Array.from({ length: count }, (_, i) => i % 97),
          shape,
        ),
      );
    }
    tensors.set('features.0.1.num_batches_tracked', { dtype: 'I64', shape: [], data: new Uint8Array(8) });
    const values = await loadBackboneWeights(backbone, await write(tensors));
    expect([...values.keys()]).toEqual([...specs.keys()]);
    // Stem, OIHW → HWIO: out 5, in 2, row 1, column 2 lies at ((5·3 + 2)·3 + 1)·3 + 2 there, ((1·3 + 2)·3 + 2)·32 + 5 here.
    expect(values.get('backbone/stem/kernel')?.[((1 * 3 + 2) * 3 + 2) * 32 + 5]).toBe(
      (((5 * 3 + 2) * 3 + 1) * 3 + 2) % 97,
    );
    // Depthwise, C1HW → HWC1: channel 7, row 2, column 0.
    const depthwise = values.get('backbone/blocks.0/depthwise/kernel');
    expect(depthwise?.[(2 * 3 + 0) * 32 + 7]).toBe(((7 * 3 + 2) * 3 + 0) % 97);
  });
});

describe('permute', () => {
  it('moves dimensions', () => {
    const values = Float32Array.from({ length: 6 }, (_, i) => i);
    expect([...permute(values, [2, 3, 1, 1], [1, 0, 2, 3])]).toEqual([0, 3, 1, 4, 2, 5]);
    expect([...permute(values, [1, 2, 1, 3], [3, 2, 1, 0])]).toEqual([0, 3, 1, 4, 2, 5]);
  });
});
