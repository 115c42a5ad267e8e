import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { stream } from '../../core/rng.ts';
import { loadTensorFlow } from '../../infra/native/load-tensorflow.ts';
import { createEngine } from '../../ml/engine/index.ts';
import { buildModel } from '../../ml/trainer/model.ts';
import { decomposedStep } from './decomposed-step.ts';
import { startValues, stepInputs, stepOptions, stepState } from './step-network.ts';
import { stepProgram } from '../../ml/trainer/programs.ts';

// Trains MobileNetV2 for some steps in a process of its own; prints the SHA-256 of all variables and every step's loss.
// Arguments: batch-norm (fused | plain), update (native | plain), side, batch, steps, threads, parts of a batch.
const [, , batchNorm, update, side, batch, steps, threads, parts = '1'] = process.argv;
const options = stepOptions({ kind: 'adam', learningRate: 0.001 }, { seed: 3 });
const rows = { kind: 'pixels', shape: [Number(side), Number(side), 3] } as const;

// Kernels for parts may have to be compiled; all else is there.
const native = await loadTensorFlow({ threads: Number(threads), parts: Number(parts), provision: Number(parts) > 1 });
if (native.parts !== Number(parts)) throw new Error(`${native.parts} parts`);
const model = buildModel({ backbone: 'mobilenet-v2', strategy: 'full', classes: ['a', 'b', 'c'], dropout: 0.2 }, 0);
const state = stepState(model, options);
const plain = { batchNorm: batchNorm === 'plain', update: update === 'plain' };
const step =
  plain.batchNorm || plain.update
    ? decomposedStep(model, rows, Number(batch), options, plain)
    : stepProgram(model, rows, Number(batch), options);
const scratch = mkdtempSync(join(tmpdir(), 'graft-training-'));
const engine = await createEngine({ state, programs: { step } }, scratch);
rmSync(scratch, { recursive: true });
engine.write(startValues(model, options));
const losses: number[] = [];
for (let at = 0; at < Number(steps); at++) {
  const inputs = stepInputs(model, rows, { batch: Number(batch), options, at, random: stream(5, 'pixels') });
  losses.push(engine.run('step', inputs).get('figures')?.values[0] ?? Number.NaN);
}
const hash = createHash('sha256');
for (const [name, values] of engine.read(state.keys())) hash.update(name).update(values);
console.log(JSON.stringify({ kind: engine.kind, backend: tf.getBackend(), sha256: hash.digest('hex'), losses }));
