import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeSafetensors, encodeSafetensors } from '../../core/checkpoint/safetensors.ts';
import { asFloat32, float32Tensor } from '../../core/checkpoint/tensor-data.ts';
import { unwrap } from '../../core/result.ts';
import { cutOf, pixelTensorShards, pooled, writeCodes } from './codes.ts';

let dir = '';
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'graft-codes-'));
});
afterAll(() => rm(dir, { recursive: true }));

describe('graft codes', () => {
  it('cuts behind a block by its name, at the end without one, and lists what there is', () => {
    expect(cutOf('efficientnet-lite0', 'stem')).toEqual({ name: 'stem', blocks: 1 });
    expect(cutOf('inception-v3', null)).toEqual({ name: 'mixed10', blocks: 13 });
    expect(() => cutOf('vgg16', 'conv9')).toThrow(/^CUT_UNKNOWN: --cut — conv9.*block1, block2/);
  });

  it('takes the means of each channel over the cells of a map', () => {
    const values = Float32Array.of(1, 10, 3, 20, 5, 30, 7, 40, ...[0, 0, 0, 0, 0, 0, 0, 4]);
    expect(pooled({ names: ['a', 'b'], shape: [2, 2, 2], values })).toEqual({
      ...{ names: ['a', 'b'], shape: [2] },
      values: Float32Array.of(4, 25, 0, 1),
    });
  });

  it('takes pixels from a tensor: bytes, or whole numbers', async () => {
    const path = join(dir, 'x.safetensors');
    const write = (first: number) => {
      const values = new Float32Array(2 * 32 * 32 * 3).fill(7);
      values[0] = first;
      return writeFile(path, encodeSafetensors(new Map([['images', float32Tensor(values, [2, 32, 32, 3])]])));
    };
    await write(255);
    const [shard] = await pixelTensorShards(path, join(dir, 'staged'), 32);
    expect(shard?.pictures.map(({ name }) => name)).toEqual([`${path}#0`, `${path}#1`]);
    const staged = unwrap(decodeSafetensors(new Uint8Array(await readFile(join(dir, 'staged'))), 'staged')).tensors;
    expect([...staged.get('images')!.data.subarray(0, 3)]).toEqual([255, 7, 7]);
    await write(0.5);
    await expect(pixelTensorShards(path, join(dir, 'staged'), 32)).rejects.toThrow(/^INPUT_BAD.*a pixel of 0.5/);
    await expect(pixelTensorShards(path, join(dir, 'staged'), 64)).rejects.toThrow(/^INPUT_BAD.*at least 64 pixels/);
  });

  it('writes codes with what they are of', async () => {
    const out = join(dir, 'deep', 'codes.safetensors');
    const codes = { names: ['a.jpg'], shape: [2], values: Float32Array.of(1, 2) };
    const cut = { name: 'top', blocks: 18 };
    const from = { backbone: 'efficientnet-lite0', cut, weightsPath: null, weightsSha256: null, maps: false } as const;
    expect(await writeCodes(out, codes, from)).toMatchObject({ shape: [1, 2], cut: 'top', weightsSha256: null });
    const { tensors, metadata } = unwrap(decodeSafetensors(new Uint8Array(await readFile(out)), out));
    expect([...asFloat32(tensors.get('codes')!)]).toEqual([1, 2]);
    expect(metadata).toMatchObject({ backbone: 'efficientnet-lite0', weightsSha256: 'random', paths: '["a.jpg"]' });
  });
});
