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
  it('writes each state with the best epoch’s values, and gives those back', async () => {
    const writer = threadedWriter();
    const none = await writer.stage(dir, snapshot(1, null));
    const first = await writer.stage(dir, snapshot(2, bestOf(7)));
    const again = await writer.stage(dir, snapshot(3, first.best));
    const next = await writer.stage(dir, snapshot(4, bestOf(8)));
    await writer.close();
    const written = [none, first, again, next];
    expect(await Promise.all(written.map(({ staged }) => valuesOf(staged.path)))).toEqual([
      { 'param/a': [1, 0.5] },
      { 'param/a': [2, 0.5], 'best/a': [7] },
      { 'param/a': [3, 0.5], 'best/a': [7] },
      { 'param/a': [4, 0.5], 'best/a': [8] },
    ]);
    expect(none.best).toBeNull();
    expect([again, next].map(({ best }) => [...asFloat32(best!.get('a')!)])).toEqual([[7], [8]]);
    expect(readdirSync(dir).filter((name) => name.endsWith('.part'))).toEqual([]);
  });

  it('copies nothing: what it was given has left this thread', async () => {
    const writer = threadedWriter();
    const given = snapshot(1, bestOf(7));
    const writing = writer.stage(dir, given);
    expect([...given.state.values(), ...given.best!.values()].map(({ data }) => data.length)).toEqual([0, 0]);
    await writing;
    await writer.close();
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
