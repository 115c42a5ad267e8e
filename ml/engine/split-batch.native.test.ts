import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BackboneName } from '../../core/backbone-facts.ts';
import { stream } from '../../core/rng.ts';
import type { Strategy } from '../../core/training/frozen-prefix.ts';
import { loadTensorFlow } from '../../infra/native/load-tensorflow.ts';
import { allOf, farthest, valuesOf } from '../../test/lib/engine-pairs.ts';
import { startValues, stepInputs, stepOptions, stepState } from '../../test/lib/step-network.ts';
import { nativeBackend } from '../native/backend.ts';
import { buildModel } from '../trainer/model.ts';
import { inferProgram, stepProgram } from '../trainer/programs.ts';
import type { RowSpec } from '../trainer/programs.ts';
import { compileEngine } from './compiled-engine.ts';
import { record } from './recorder.ts';
import type { RecordedOperation } from './recorder.ts';
import { splitBatch } from './split-batch.ts';
import type { Engine } from './spec.ts';

let scratch = '';
beforeAll(async () => {
  const { parts } = await loadTensorFlow({ threads: 2, parts: 2 });
  expect(parts).toBe(2);
  scratch = mkdtempSync(join(tmpdir(), 'graft-split-'));
});
afterAll(() => {
  rmSync(scratch, { recursive: true });
});

const BATCH = 6;
type Case = readonly [backbone: BackboneName, strategy: Strategy, lastN: number, sidePx: number];

const networks: Case[] = [
  ['tiny-cnn', 'full', 0, 32],
  ['mobilenet-v2', 'full', 0, 32],
  ['mobilenet-v2', 'last-n', 3, 32],
  ['mobilenet-v3-small', 'full', 0, 32],
  ['resnet50', 'full', 0, 64],
  ['squeezenet-1.1', 'full', 0, 64],
  ['efficientnet-lite0', 'full', 0, 32],
  ['efficientnet-b0', 'full', 0, 32],
  ['vgg16', 'last-n', 1, 32],
  ['inception-v2', 'full', 0, 64],
];
/** How many of them also make a step. */
const STEPPED = 6;

function network([backbone, strategy, lastN, sidePx]: Case) {
  const model = buildModel({ backbone, strategy, classes: ['a', 'b', 'c'], dropout: 0.2 }, lastN);
  const rows: RowSpec = { kind: 'pixels', shape: [sidePx, sidePx, 3] };
  const options = stepOptions({ kind: 'momentum' }, { seed: 3, clipNorm: 0.5, averageDecay: 0.9 });
  const programs = {
    step: stepProgram(model, rows, BATCH, options),
    infer: inferProgram(model, rows, BATCH, false),
  };
  const inputs = stepInputs(model, rows, { batch: BATCH, options, at: 0, random: stream(5, 'rows') });
  return { spec: { state: stepState(model, options), programs }, start: startValues(model, options), inputs };
}

async function inParts<T>(parts: number, work: () => Promise<T>): Promise<T> {
  tf.env().set('GRAFT_PARTS', parts);
  try {
    return await work();
  } finally {
    tf.env().set('GRAFT_PARTS', 2);
  }
}

/** All outputs and variables of one step and one inference. */
async function oneStep(parts: number, { spec, start, inputs }: ReturnType<typeof network>) {
  const engine: Engine = await inParts(parts, () => compileEngine(spec, scratch));
  try {
    engine.write(start);
    const step = valuesOf(engine.run('step', inputs));
    const { x } = inputs;
    const infer = x ? valuesOf(engine.run('infer', { x })) : new Map<string, Float32Array>();
    return new Map([...step, ...infer, ...allOf(engine)]);
  } finally {
    engine.dispose();
  }
}

describe('a batch in parts', () => {
  it.each(networks.slice(0, STEPPED))(
    '%s (%s %i, %i px) makes the step of the whole batch, the same each time',
    async (...each) => {
      const made = network(each);
      const whole = await oneStep(1, made);
      const split = await oneStep(2, made);
      const worst = farthest(split, whole);
      // BatchNorm over six pixels and gates of ReLU6 take a last bit of difference this far; another formula would be at 1.
      expect(worst.distance, worst.name).toBeLessThan(1e-3);
      const again = await oneStep(2, made);
      for (const [name, values] of split) expect(Buffer.compare(bytes(values), bytes(again.get(name)))).toBe(0);
    },
  );

  it.each(networks)('%s (%s %i, %i px) goes through in parts all the way', (...each) => {
    const { spec } = network(each);
    const { binding } = nativeBackend();
    for (const program of Object.values(spec.programs)) {
      const { operations } = splitBatch(record(program, spec.state), 2, binding);
      expect([...new Set(operations.filter(takesTheWholeBatch).map(({ name }) => name))]).toEqual([]);
      expect(operations.filter(({ name }) => name.startsWith('Conv2D')).length).toBeGreaterThan(0);
    }
  });

  it('leaves alone what has no pictures, and a batch that does not divide', () => {
    const { spec } = network(['tiny-cnn', 'full', 0, 32]);
    const recording = record(spec.programs.step, spec.state);
    expect(splitBatch(recording, 4, nativeBackend().binding)).toBe(recording);
    expect(splitBatch(recording, 1, nativeBackend().binding)).toBe(recording);
  });
});

/** But for the cut itself: a tensor of pictures with the batch's first side. */
function takesTheWholeBatch({ name, inputShapes }: RecordedOperation): boolean {
  return name !== 'Slice' && inputShapes.some((shape) => shape.length === 4 && shape[0] === BATCH);
}

const bytes = (values: Float32Array | undefined): Buffer =>
  Buffer.from(values?.buffer ?? new ArrayBuffer(0), values?.byteOffset, values?.byteLength);
