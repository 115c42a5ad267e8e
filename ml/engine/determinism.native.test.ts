import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
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

/** MobileNetV2, all layers by Adam, in a process of its own: its hash of all variables and its losses. `what`: its arguments. */
async function trainApart(what: readonly string[], env: Record<string, string>, parts = 1): Promise<string> {
  const args = ['--import', 'tsx', script, ...what, String(THREADS), String(parts)];
  const own = { ...process.env, ...tensorFlowEnv({ threads: THREADS, parts }), ...env };
  return (await promisify(execFile)(process.execPath, args, { env: own })).stdout.trim();
}

describe('a compiled training has the same bits', () => {
  it.each(['1', '0'])('in three processes, with TF_ENABLE_ONEDNN_OPTS=%s', async (oneDnn) => {
    const outputs: string[] = [];
    for (let i = 0; i < 3; i++)
      outputs.push(await trainApart(['fused', 'native', '64', '8', '6'], { TF_ENABLE_ONEDNN_OPTS: oneDnn }));
    expect(outputs[0]).toMatch(/^{"kind":"compiled","backend":"tensorflow","sha256":"[0-9a-f]{64}","losses":\[\d/);
    expect(new Set(outputs).size).toBe(1);
  });

  it('in three processes with its batch in parts', async () => {
    const outputs: string[] = [];
    for (let i = 0; i < 3; i++) outputs.push(await trainApart(['fused', 'native', '64', '8', '6'], {}, THREADS));
    expect(outputs[0]).toMatch(/"losses":\[\d/);
    expect(new Set(outputs).size).toBe(1);
  });

  it('in three processes where BatchNorm and Adam are put together from small operations', async () => {
    const outputs: string[] = [];
    for (let i = 0; i < 3; i++) outputs.push(await trainApart(['plain', 'plain', '32', '4', '4'], {}));
    expect(outputs[0]).toMatch(/"losses":\[\d/);
    expect(new Set(outputs).size).toBe(1);
  });
});

const SIDE = 400;

/** Results of 200 runs: a sum that waits for nothing, of matrices that a slow product holds on to for a while. */
async function distinctResults(sum: (a: tf.Tensor, b: tf.Tensor, c: tf.Tensor) => tf.Tensor) {
  const step: Program = {
    inputs: { x: { shape: [SIDE, SIDE], dtype: 'float32' } },
    run({ x }) {
      const [a, b, c] = [tf.mul(x!, 1.1), tf.mul(x!.square(), 0.3), tf.sqrt(tf.abs(x!))];
      return { sum: sum(a, b, c), slow: tf.matMul(a, b).sum() };
    },
  };
  const engine = await compileEngine({ state: new Map(), programs: { step } }, scratch);
  const inputs = { x: normals('x', SIDE * SIDE) };
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

  it('by additions, which TensorFlow’s optimizer would gather into an AddN', async () => {
    const dump = mkdtempSync(join(scratch, 'dump-'));
    const gradient = new URL('../../test/lib/batch-norm-gradient-process.ts', import.meta.url).pathname;
    // It then writes down its graph after each of its passes; the last is named by a number alone.
    const written = { TF_DUMP_GRAPH_PREFIX: dump, TF_CPP_VMODULE: 'meta_optimizer=5', TF_CPP_MIN_LOG_LEVEL: '0' };
    const env = { ...process.env, ...tensorFlowEnv({ threads: 1 }), ...written };
    await promisify(execFile)(process.execPath, ['--import', 'tsx', gradient], { env, maxBuffer: 2 ** 26 });
    const graphs = readdirSync(dump).filter((name) => /^after_MetaOptimizer_\d+\.pbtxt$/.test(name));
    expect(graphs.length).toBe(1);
    const graph = readFileSync(join(dump, graphs[0]!), 'utf8');
    expect(graph).toMatch(/op: "Mul"/);
    expect(graph).toMatch(/op: "Add(V2)?"/);
    expect(graph).not.toMatch(/op: "AddN"/);
  });
});
