import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { loadTensorFlow } from '../../infra/native/load-tensorflow.ts';
import { compileEngine } from '../../ml/engine/compiled-engine.ts';
import type { InputSpec, Program } from '../../ml/engine/index.ts';
import { plainBatchNorm } from '../../ml/nn/ops/batch-norm.ts';

// Runs the gradient of a BatchNorm of small operations once, in a process of its own: so that TensorFlow can be told by
// its environment to write down the graph that its optimizer made.
await loadTensorFlow({ threads: 1, provision: false });
const [image, row] = [[4, 8, 8, 8], [8]].map((shape): InputSpec => ({ shape, dtype: 'float32' }));
const step: Program = {
  inputs: { x: image!, w: image!, v: row! },
  run({ x, w, v }) {
    const parts = { gamma: v!, beta: v!, movingMean: v!, movingVariance: v! };
    return { dx: tf.grad((each) => tf.sum(tf.mul(w!, plainBatchNorm(each, parts, 1e-3, 0.9).y)))(x!) };
  },
};
const scratch = mkdtempSync(join(tmpdir(), 'graft-gradient-'));
const engine = await compileEngine({ state: new Map(), programs: { step } }, scratch);
rmSync(scratch, { recursive: true });
engine.run('step', { x: new Float32Array(2048), w: new Float32Array(2048), v: new Float32Array(8) });
engine.dispose();
