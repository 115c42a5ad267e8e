import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadTensorFlow, tensorFlowEnv } from '../../infra/native/load-tensorflow.ts';
import { normals } from '../../test/lib/engine-pairs.ts';
import { compileEngine } from './compiled-engine.ts';
import type { Program } from './spec.ts';

const THREADS = 2;
let scratch = '';
beforeAll(async () => {
  await loadTensorFlow({ threads: THREADS });
  scratch = mkdtempSync(join(tmpdir(), 'graft-determinism-'));
});
afterAll(() => {
  rmSync(scratch, { recursive: true });
});

const script = new URL('../../test/lib/training-process.ts', import.meta.url).pathname;

/** MobileNetV2, all layers by Adam, in a process of its own: what it prints, hash of all variables and losses. */
async function trainApart(kernels: readonly string[], env: Record<string, string>): Promise<string> {
  const args = ['--import', 'tsx', script, ...kernels, '64', '8', '6', String(THREADS)];
  const own = { ...process.env, ...tensorFlowEnv({ threads: THREADS }), ...env };
  return (await promisify(execFile)(process.execPath, args, { env: own })).stdout.trim();
}

describe('a compiled training has the same bits', () => {
  it.each(['1', '0'])('in three processes, with TF_ENABLE_ONEDNN_OPTS=%s', async (oneDnn) => {
    const outputs: string[] = [];
    for (let i = 0; i < 3; i++) outputs.push(await trainApart(['fused', 'native'], { TF_ENABLE_ONEDNN_OPTS: oneDnn }));
    expect(outputs[0]).toMatch(/^{"kind":"compiled","backend":"tensorflow","sha256":"[0-9a-f]{64}","losses":\[\d/);
    expect(new Set(outputs).size).toBe(1);
  });

  it('in three processes where BatchNorm and Adam are put together from small operations', async () => {
    const outputs: string[] = [];
    for (let i = 0; i < 3; i++) outputs.push(await trainApart(['plain', 'plain'], {}));
    expect(outputs[0]).toMatch(/"losses":\[\d/);
    expect(new Set(outputs).size).toBe(1);
  });
});

const SIDE = 400;

/** Results of 200 runs: a sum that waits for nothing, of matrices that a slow product holds on to for a while. */
async function distinctResults(sum: (a: tf.Tensor, b: tf.Tensor, c: tf.Tensor, row: tf.Tensor) => tf.Tensor) {
  const step: Program = {
    inputs: { x: { shape: [SIDE, SIDE], dtype: 'float32' }, row: { shape: [SIDE], dtype: 'float32' } },
    run({ x, row }) {
      const [a, b, c] = [tf.mul(x!, 1.1), tf.mul(x!.square(), 0.3), tf.sqrt(tf.abs(x!))];
      return { sum: sum(a, b, c, row!), slow: tf.matMul(a, b).sum() };
    },
  };
  const engine = await compileEngine({ state: new Map(), programs: { step } }, scratch);
  const inputs = { x: normals('x', SIDE * SIDE), row: normals('row', SIDE) };
  const seen = new Set<string>();
  for (let i = 0; i < 200; i++) {
    const { values } = engine.run('step', inputs).get('sum')!;
    seen.add(createHash('sha256').update(values).digest('hex'));
  }
  engine.dispose();
  return seen.size;
}

/** AddN adds into whichever input's memory is free when it runs, which depends on what else runs: docs/adr/0023. */
describe('sums of three and more have the same bits in every run', () => {
  it('by addN', async () => {
    expect(await distinctResults((a, b, c) => tf.addN([a, b, c]))).toBe(1);
  });

  it('by additions that TensorFlow’s optimizer would gather into an AddN', async () => {
    expect(await distinctResults((a, b, c, row) => a.add(row).add(b).add(c))).toBe(1);
  });
});
