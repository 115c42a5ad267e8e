import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadTensorFlow } from '../../infra/native/load-tensorflow.ts';
import { makeJob } from '../../test/lib/trainer-bench.ts';
import type { JobChange } from '../../test/lib/trainer-bench.ts';
import { openInputs } from './inputs.ts';
import { createLearner } from './learner.ts';
import { buildModel } from './model.ts';
import { variable } from './programs.ts';
import { startingValues } from './starting-values.ts';
import { learnerOptions, writeStart } from './train.ts';

beforeAll(() => loadTensorFlow({ threads: 2 }));

let dir = '';
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'graft-gradual-'));
});
afterAll(() => {
  rmSync(dir, { recursive: true });
});

/** How far each parameter goes in one step of plain descent at rate 1: its gradient, times its share. */
async function moves(name: string, change: JobChange, frozen: boolean): Promise<Map<string, number>> {
  const job = await makeJob(join(dir, name), { ...change, train: { optimizer: { kind: 'sgd' }, ...change.train } });
  const model = buildModel(job.model, job.lastN);
  const values = await startingValues(model.all, { model: job.model, weightsPath: null, seed: 1 });
  const inputs = await openInputs(job);
  const learner = await createLearner(model, learnerOptions(job, inputs));
  try {
    writeStart(learner, model, values, job);
    const before = learner.weights();
    const batch = await inputs.train.batch(inputs.train.prefetch([0, 1, 2, 3], 0), 0);
    learner.step(batch, { epoch: 0, step: 0, learningRate: 1, frozen });
    const far = [...learner.weights()].map(([each, { data }]) => {
      const old = new Float32Array(before.get(each)!.data.slice().buffer);
      const now = new Float32Array(data.slice().buffer);
      return [each, Math.max(...now.map((value, i) => Math.abs(value - old[i]!)))] as const;
    });
    expect([...learner.engine.shapes.keys()]).toContain(variable.parameter('head/logits/kernel'));
    return new Map(far);
  } finally {
    learner.engine.dispose();
    await inputs.close();
  }
}

describe('strategy gradual', () => {
  it('moves the new layers alone while the trunk is frozen, BatchNorm too', async () => {
    const far = await moves('frozen', { model: { strategy: 'gradual' } }, true);
    for (const [name, distance] of far) {
      if (name.startsWith('head/logits')) expect(distance, name).toBeGreaterThan(0);
      else expect(distance, name).toBe(0);
    }
  });

  it('then moves everything, slower towards the front', async () => {
    const far = await moves('all', { model: { strategy: 'gradual' } }, false);
    const full = await moves('full', { model: { strategy: 'full' } }, false);
    const share = (name: string): number => far.get(name)! / full.get(name)!;
    const kernels = [...far.keys()].filter((name) => name.endsWith('kernel'));
    expect(kernels.length).toBeGreaterThanOrEqual(5);
    // Four blocks: two at a hundredth, two at a tenth.
    expect(share(kernels[0]!)).toBeCloseTo(0.01, 4);
    expect(share(kernels.at(-2)!)).toBeCloseTo(0.1, 4);
    expect(share('head/logits/kernel')).toBeCloseTo(1, 4);
  });

  it('averages the first kernels where gray pictures ask for it', () => {
    const shape = { backbone: 'tiny-cnn', strategy: 'head', classes: ['a', 'b'], dropout: 0 } as const;
    const [summed, averaged] = [buildModel(shape, 1), buildModel({ ...shape, firstKernels: 'average' }, 1)];
    const { scale, shift, id } = averaged.backbone.preprocessing;
    expect(scale.map((value) => value * 3)).toEqual(summed.backbone.preprocessing.scale);
    expect(shift.map((value) => value * 3)).toEqual(summed.backbone.preprocessing.shift);
    expect(id).toBe(summed.backbone.preprocessing.id);
  });

  it('puts layers of one’s own before the logits', () => {
    const head = [
      { dense: 6, activation: 'relu', dropout: 0.3 },
      { dense: 5, activation: 'linear', dropout: 0 },
    ] as const;
    const shape = { backbone: 'tiny-cnn', strategy: 'head', classes: ['a', 'b'], dropout: 0.1, head } as const;
    const model = buildModel(shape, 1);
    expect(model.blocks.slice(4).map(({ name }) => name)).toEqual([
      ...['head/pool', 'head/1', 'head/1/dropout', 'head/2', 'head/dropout', 'head/logits'],
    ]);
    expect(model.trainable.map(({ shape: sides }) => sides)).toEqual([[32, 6], [6], [6, 5], [5], [5, 2], [2]]);
  });
});
