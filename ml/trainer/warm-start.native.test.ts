/** Trainings that begin with a whole model of graft's: its head as well as its backbone. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { TrainJob } from '../../contracts/ml-protocol.ts';
import { asFloat32 } from '../../core/checkpoint/tensor-data.ts';
import { loadTensorFlow } from '../../infra/native/load-tensorflow.ts';
import { makeJob, runSession } from '../../test/lib/trainer-bench.ts';
import type { JobChange } from '../../test/lib/trainer-bench.ts';
import { readSafetensorsFile } from '../weights/safetensors-file.ts';

beforeAll(() => loadTensorFlow({ threads: 2 }));

let dir = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'graft-warm-'));
});
afterEach(() => {
  rmSync(dir, { recursive: true });
});

async function trained(job: TrainJob) {
  const { result } = await runSession(job);
  const { tensors } = await readSafetensorsFile(result!.weightsPath);
  return { result: result!, values: new Map([...tensors].map(([name, each]) => [name, [...asFloat32(each)]])) };
}

/** So small a rate changes no weight. */
const still = { epochs: 1, optimizer: { kind: 'sgd', learningRate: 1e-30 } } as const;

describe.each(['full', 'last-n', 'head'])('strategy %s', (strategy) => {
  it('begins with the weights of the champion, head and all', async () => {
    const champion = await trained(await makeJob(join(dir, 'champion'), { train: { epochs: 4 } }));
    const change: JobChange = { model: { strategy, weights: 'champion', lastN: 1 }, train: still };
    const weightsPath = champion.result.weightsPath;
    const warm = await trained({ ...(await makeJob(join(dir, 'warm'), change)), weightsPath, weightsHold: 'model' });
    const weights = [...champion.values.keys()].filter((name) => !/(mean|variance)$/.test(name));
    expect(weights).toContain('head/logits/kernel');
    for (const name of weights) expect([name, warm.values.get(name)]).toEqual([name, champion.values.get(name)]);
    const cold = await trained({ ...(await makeJob(join(dir, 'cold'), change)), weightsPath });
    expect(cold.values.get('head/logits/kernel')).not.toEqual(champion.values.get('head/logits/kernel'));
  });
});

it('refuses a file that is not of this model', async () => {
  const champion = await trained(await makeJob(join(dir, 'champion'), { classes: 2 }));
  const weightsPath = champion.result.weightsPath;
  const job = { ...(await makeJob(join(dir, 'other'), { model: { strategy: 'full' } })), weightsPath };
  await expect(runSession({ ...job, weightsHold: 'model' })).rejects.toThrow(/^MODEL_WEIGHTS: .*head\/logits/);
});
