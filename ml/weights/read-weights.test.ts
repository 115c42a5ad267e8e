import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { elementCount, toFloat32 } from '../../core/checkpoint/tensor-data.ts';
import type { TensorData } from '../../core/checkpoint/tensor-data.ts';
import { GraftError } from '../../core/errors.ts';
import { createBackbone } from '../backbones/index.ts';
import { loadBackboneWeights } from './load.ts';
import { readWeights } from './read-weights.ts';

// Written by Keras, h5py and TensorFlow: test/golden/backbones/weights/make_weight_files.py.
const folder = fileURLToPath(new URL('../../test/golden/backbones/weights/', import.meta.url));
const fixture = (name: string): string => join(folder, name);

let scratch = '';
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'graft-read-'));
});
afterAll(() => rm(scratch, { recursive: true }));

const START: Record<string, number> = { kernel: 1, bias: 2, beta: 4, moving_mean: 5, moving_variance: 6 };

/** Element i is i / 8 + what the script says for the variable's name. */
function expectValues(tensors: ReadonlyMap<string, TensorData>, shapes: Record<string, number[]>): void {
  expect([...tensors.keys()].sort()).toEqual(Object.keys(shapes).sort());
  for (const [name, tensor] of tensors) {
    expect(tensor.shape).toEqual(shapes[name]);
    const start = START[/weights$/.test(name) ? 'kernel' : name.split('/').at(-1)!]!;
    const wanted = Array.from({ length: elementCount(tensor.shape) }, (_, i) => i / 8 + start);
    expect([...toFloat32(tensor)]).toEqual(wanted);
  }
}

const NET = {
  'first/kernel': [3, 3, 3, 4],
  'first/bias': [4],
  'norm/beta': [4],
  'norm/moving_mean': [4],
  'norm/moving_variance': [4],
  'deep/kernel': [3, 3, 4, 1],
  'last/kernel': [4, 2],
  'last/bias': [2],
};

const withoutState = (tensors: ReadonlyMap<string, TensorData>): Map<string, TensorData> =>
  new Map([...tensors].filter(([name]) => !/seed_generator/.test(name)));

describe('files that others write', () => {
  it.each(['small.h5', 'small.keras', 'saved-model'])('%s of Keras, a model within a model included', async (name) => {
    expectValues(withoutState(await readWeights(fixture(name))), NET);
  });

  it('names of older Keras become those of today', async () => {
    const shapes = { 'block1/kernel': [1, 1, 3, 1], 'block1/bias': [3], 'part/deep/kernel': [1, 1, 3, 1] };
    expectValues(await readWeights(fixture('old.h5')), shapes);
  });

  it.each(['slim.ckpt', 'slim.ckpt.index'])('%s: a checkpoint of TensorFlow 1, without its step', async (name) => {
    const shapes = { 'Net/Conv2d_0/weights': [1, 1, 2, 3], 'Net/Conv2d_0/BatchNorm/beta': [3] };
    expectValues(await readWeights(fixture(name)), shapes);
  });

  it('weights of tfjs, whatever way they are quantized', async () => {
    const tensors = await readWeights(fixture('tfjs-model.json'));
    expect([...toFloat32(tensors.get('plain')!)]).toEqual([1, 1.125, 1.25, 1.375, 1.5, 1.625]);
    expect([...toFloat32(tensors.get('half')!)]).toEqual([2, 2.125, 2.25, 2.375]);
    expect([...toFloat32(tensors.get('small')!)]).toEqual([-10, 15, 40, 65, 90]);
    expect([...toFloat32(tensors.get('wide')!)]).toEqual([1, 251, 501]);
  });

  it('a backbone takes nothing of another network: missing and unknown are listed', async () => {
    const wrong = loadBackboneWeights(createBackbone('vgg16'), fixture('small.h5'));
    await expect(wrong).rejects.toThrow(/^MODEL_WEIGHTS: .*tensors such as first\/kernel.*block1_conv1\/kernel/);
  });
});

describe('hostile and broken files are refused, with nothing read outside of them', () => {
  it.each([
    ['bomb-unwritten.h5', /MODEL_FORMAT.*larger than the file/],
    ['bomb-gzip.h5', /MODEL_FORMAT.*compressed or in pieces/],
    ['link.h5', /MODEL_FORMAT.*a link or a type/],
    ['cycle.h5', /MODEL_FORMAT.*deep/],
    ['lambda.h5', /^MODEL_LAYER: .*class Lambda.*Python code/],
    ['lambda.keras', /^MODEL_LAYER: .*class Lambda.*Python code/],
    ['numbers.weights.h5', /MODEL_FORMAT.*no names of layers.*model\.save/],
  ])('%s', async (name, message) => {
    await expect(readWeights(fixture(name))).rejects.toThrow(message);
  });

  it.each(['small.h5', 'small.keras'])('%s cut off anywhere', async (name) => {
    const bytes = await readFile(fixture(name));
    const path = join(scratch, `cut-${name}`);
    for (const share of [0.01, 0.3, 0.7, 0.999]) {
      await writeFile(path, bytes.subarray(0, Math.floor(bytes.length * share)));
      await expect(readWeights(path)).rejects.toThrow(/^MODEL_(FORMAT|WEIGHTS|FILE)/);
    }
  });

  it.each(['slim.ckpt.index', 'slim.ckpt.data-00000-of-00001'])('one bit of %s', async (name) => {
    await cp(folder, join(scratch, 'bits'), { recursive: true });
    const bytes = await readFile(fixture(name));
    // Behind the index's entries lie its restarts and the unused half of its footer.
    const reach = name.endsWith('index') ? 120 : 36;
    for (let at = 0; at < reach; at += 5) {
      const changed = Uint8Array.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ 4;
      await writeFile(join(scratch, 'bits', name), changed);
      await expect(readWeights(join(scratch, 'bits', 'slim.ckpt'))).rejects.toThrow(/^MODEL_(FORMAT|WEIGHTS)/);
    }
  });

  it('a tfjs manifest that leaves its folder, or names more than there is', async () => {
    const manifest = (path: string, shape: number[]): string =>
      JSON.stringify([{ paths: [path], weights: [{ name: 'a', shape, dtype: 'float32' }] }]);
    const path = join(scratch, 'manifest.json');
    await writeFile(path, manifest('../secret.bin', [1]));
    await expect(readWeights(path)).rejects.toThrow(/^MODEL_FORMAT/);
    await writeFile(join(scratch, 'w.bin'), new Uint8Array(8));
    await writeFile(path, manifest('w.bin', [1e9, 1e9]));
    await expect(readWeights(path)).rejects.toThrow(/^MODEL_(FORMAT|WEIGHTS)/);
    await writeFile(path, manifest('w.bin', [1]));
    await expect(readWeights(path)).rejects.toThrow(/^MODEL_WEIGHTS.*4 bytes behind the last tensor/);
  });

  it('bytes changed at random are read or refused, never anything else', async () => {
    const path = join(scratch, 'fuzz');
    const files = await Promise.all(['old.h5', 'small.keras'].map((name) => readFile(fixture(name))));
    await fc.assert(
      fc.asyncProperty(
        fc.nat(1),
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 8 }),
        async (which, changes) => {
          const bytes = Uint8Array.from(files[which]!);
          for (const [at, value] of changes) bytes[at % bytes.length] = value;
          await writeFile(path, bytes);
          const error: unknown = await readWeights(path).then(
            () => null,
            (thrown: unknown) => thrown,
          );
          if (error !== null) expect(error).toBeInstanceOf(GraftError);
        },
      ),
      { numRuns: 60, seed: 6 },
    );
  });
});
