import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodeSafetensors } from '../../core/checkpoint/safetensors.ts';
import { asFloat32, float32Tensor } from '../../core/checkpoint/tensor-data.ts';
import { asSha256 } from '../../core/ids.ts';
import { openSafetensorsFile, readSafetensorsFile, writeSafetensorsFile } from './safetensors-file.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'graft-safetensors-'));
});
afterEach(() => rm(folder, { recursive: true }));

const values = Float32Array.from({ length: 3_000_000 }, (_, i) => i / 7);
const tensors = new Map([
  ['rows', float32Tensor(values, [1000, 3000])],
  ['scalar', float32Tensor(Float32Array.of(42), [])],
]);

describe('writeSafetensorsFile', () => {
  it('writes the same bytes as the codec, returns their hash, and leaves nothing else', async () => {
    const path = join(folder, 'a.safetensors');
    const { sha256, sizeBytes } = await writeSafetensorsFile(path, tensors, { step: '1' });
    const bytes = await readFile(path);
    expect(Buffer.compare(bytes, encodeSafetensors(tensors, { step: '1' }))).toBe(0);
    expect(sha256).toBe(createHash('sha256').update(bytes).digest('hex'));
    expect(sizeBytes).toBe(bytes.length);
    expect(await readdir(folder)).toEqual(['a.safetensors']);
  });

  it('leaves what was there untouched when it fails', async () => {
    const missing = join(folder, 'nowhere', 'a.safetensors');
    await expect(writeSafetensorsFile(missing, tensors)).rejects.toThrow(/^DISK_WRITE/);
    const path = join(folder, 'a.safetensors');
    await writeFile(path, 'old');
    const wrong = new Map([['a', { dtype: 'F32', shape: [2], data: new Uint8Array(4) } as const]]);
    await expect(writeSafetensorsFile(path, wrong)).rejects.toThrow('4 bytes');
    expect(await readFile(path, 'utf8')).toBe('old');
    await mkdir(join(folder, 'b'));
    await expect(writeSafetensorsFile(join(folder, 'b'), tensors)).rejects.toThrow(/^DISK_WRITE/);
    expect((await readdir(folder)).sort()).toEqual(['a.safetensors', 'b']);
  });
});

describe('readSafetensorsFile', () => {
  it('reads a file back and checks its hash', async () => {
    const path = join(folder, 'a.safetensors');
    const { sha256 } = await writeSafetensorsFile(path, tensors, { step: '1' });
    const read = await readSafetensorsFile(path, { sha256 });
    expect(read.metadata).toEqual({ step: '1' });
    expect(Buffer.compare(read.tensors.get('rows')!.data, tensors.get('rows')!.data)).toBe(0);
    const other = asSha256('0'.repeat(64));
    await expect(readSafetensorsFile(path, { sha256: other })).rejects.toThrow(/^MODEL_HASH/);
    await expect(readSafetensorsFile(join(folder, 'b'))).rejects.toThrow(/^MODEL_FILE/);
  });
});

describe('openSafetensorsFile', () => {
  it('reads rows at random', async () => {
    const path = join(folder, 'a.safetensors');
    await writeSafetensorsFile(path, tensors);
    const file = await openSafetensorsFile(path);
    const read = async (start: number, count: number): Promise<Float32Array> =>
      asFloat32({ dtype: 'F32', shape: [count, 3000], data: await file.readRows('rows', start, count) });
    expect(await read(999, 1)).toEqual(values.slice(999 * 3000));
    expect(await read(10, 3)).toEqual(values.slice(30_000, 39_000));
    expect(await read(5, 0)).toEqual(new Float32Array());
    expect(await file.readRows('scalar', 0, 1)).toHaveLength(4);
    await expect(file.readRows('rows', 999, 2)).rejects.toThrow('rows 999…1001 of 1000');
    await expect(file.readRows('other', 0, 1)).rejects.toThrow(/^MODEL_WEIGHTS.*no tensor other/);
    await file.close();
  });

  it('refuses a torn file at once', async () => {
    const path = join(folder, 'a.safetensors');
    const { sizeBytes } = await writeSafetensorsFile(path, tensors);
    await truncate(path, sizeBytes - 1);
    await expect(openSafetensorsFile(path)).rejects.toThrow(/^MODEL_WEIGHTS/);
    await truncate(path, 20);
    await expect(openSafetensorsFile(path)).rejects.toThrow(/^MODEL_FORMAT/);
    await truncate(path, 0);
    await expect(openSafetensorsFile(path)).rejects.toThrow(/^MODEL_FORMAT/);
  });
});
