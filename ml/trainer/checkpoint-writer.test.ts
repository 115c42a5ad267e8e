import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { asFloat32, float32Tensor } from '../../core/checkpoint/tensor-data.ts';
import { freshCounters } from '../../core/training/progress.ts';
import { readSafetensorsFile } from '../weights/safetensors-file.ts';
import type { Snapshot } from './checkpoint-file.ts';
import { threadedWriter } from './checkpoint-writer.ts';

let dir = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'graft-writer-'));
});
afterEach(() => {
  rmSync(dir, { recursive: true });
});

const snapshot = (step: number, best: Snapshot['best']): Snapshot => ({
  state: new Map([['param/a', float32Tensor(Float32Array.of(step, 0.5), [2])]]),
  best,
  counters: { ...freshCounters, step },
  isBest: false,
});
const bestOf = (value: number): Snapshot['best'] => new Map([['a', float32Tensor(Float32Array.of(value), [1])]]);

async function valuesOf(path: string): Promise<Record<string, number[]>> {
  const { tensors } = await readSafetensorsFile(path);
  return Object.fromEntries([...tensors].map(([name, data]) => [name, [...asFloat32(data)]]));
}

describe('the thread that writes checkpoints', () => {
  it('writes each state with the best epoch’s values as they were then', async () => {
    const writer = threadedWriter();
    const first = bestOf(7);
    const staged = [
      await writer.stage(dir, snapshot(1, null)),
      await writer.stage(dir, snapshot(2, first)),
      await writer.stage(dir, snapshot(3, first)),
      await writer.stage(dir, snapshot(4, bestOf(8))),
    ];
    await writer.close();
    expect(await Promise.all(staged.map(({ path }) => valuesOf(path)))).toEqual([
      { 'param/a': [1, 0.5] },
      { 'param/a': [2, 0.5], 'best/a': [7] },
      { 'param/a': [3, 0.5], 'best/a': [7] },
      { 'param/a': [4, 0.5], 'best/a': [8] },
    ]);
    // The best values stay usable here: only the state is handed over.
    expect([...asFloat32(first!.get('a')!)]).toEqual([7]);
    expect(readdirSync(dir).filter((name) => name.endsWith('.part'))).toEqual([]);
  });

  it('tells why it could not', async () => {
    const writer = threadedWriter();
    await expect(writer.stage(join(dir, 'gone'), snapshot(1, null))).rejects.toMatchObject({
      code: 'CHECKPOINT_WRITE',
      kind: 'transient',
    });
    await writer.close();
  });
});
