import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { asFloat32 } from '../../core/checkpoint/tensor-data.ts';
import { loadTensorFlow } from '../../infra/native/load-tensorflow.ts';
import { featuresFirst } from '../../test/lib/features-first.ts';
import { featureDirOf, makeJob } from '../../test/lib/trainer-bench.ts';
import type { JobChange } from '../../test/lib/trainer-bench.ts';
import type { MlEvent } from '../../contracts/ml-protocol.ts';
import { readSafetensorsFile } from '../weights/safetensors-file.ts';
import { loadModel } from './inference.ts';
import { runLinear } from './linear.ts';
import { openSamples, range } from './samples.ts';

beforeAll(() => loadTensorFlow({ threads: 2 }));

let dir = '';
let jobs = 0;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'graft-linear-'));
});
afterAll(() => {
  rmSync(dir, { recursive: true });
});
beforeEach(() => {
  jobs++;
});

async function learn(model: object, stopped = false) {
  const change: JobChange = { model: { weights: 'random', ...model }, train: { featureType: 'float32' } };
  const job = await makeJob(join(dir, `${jobs}-${JSON.stringify(model).length}`), change);
  const events: MlEvent[] = [];
  const host = {
    emit: (event: MlEvent) => void events.push(event),
    stopRequested: () => stopped && events.some(({ kind }) => kind === 'step'),
    nowMs: () => 0,
    residentBytes: () => 0,
  };
  const ready = await featuresFirst(job, featureDirOf(job), host);
  await runLinear(ready!, host);
  const trained = events.find((event) => event.kind === 'trained');
  return { job, events, result: trained?.result ?? null };
}

describe.each(['linear-probe', 'svm'] as const)('%s', (strategy) => {
  it.each([
    ['the whole backbone', {}],
    ['an earlier cut', { cut: 'conv2' }],
  ])('on %s leaves a model that scores pixels as its classifier scored codes', async (_, cut) => {
    const { job, events, result } = await learn({ strategy, ...cut });
    const { model } = job;
    const loaded = await loadModel(model, result!.weightsPath, { batchSize: 4, shape: [16, 16, 3], scratchDir: dir });
    const samples = await openSamples(job.validation, 'images');
    const indexes = range(0, 4);
    const logits = loaded.logits(await samples.read(indexes), 4);
    const correct = indexes.filter((row) => {
      const line = logits.subarray(3 * row, 3 * (row + 1));
      return line.indexOf(Math.max(...line)) === samples.labels[row];
    });
    loaded.dispose();
    await samples.close();
    expect(result).toMatchObject({ epochs: 1, bestEpoch: 1, stoppedEarly: false });
    expect(result!.best.validationAccuracy * samples.rows).toBeGreaterThanOrEqual(correct.length);
    expect(events.filter(({ kind }) => kind === 'step').length).toBeGreaterThan(1);
    expect(readFileSync(join(job.workDir, 'metrics.jsonl'), 'utf8')).toMatch(/"kind":"epoch"/);
    const { tensors } = await readSafetensorsFile(result!.weightsPath);
    expect(asFloat32(tensors.get('head/logits/kernel')!).some((each) => each !== 0)).toBe(true);
    expect([...tensors.keys()].some((name) => name.startsWith('backbone/conv3'))).toBe(!('cut' in cut));
  });

  it('stopped says so; done again it has the same bits', async () => {
    expect((await learn({ strategy }, true)).events.at(-1)).toEqual({ kind: 'stopped', step: 0, reason: 'requested' });
    jobs++;
    const first = await learn({ strategy });
    jobs++;
    expect((await learn({ strategy })).result!.weightsSha256).toBe(first.result!.weightsSha256);
  });
});

it('names the cuts there are', async () => {
  await expect(learn({ strategy: 'svm', cut: 'layer9' })).rejects.toMatchObject({
    code: 'CONFIG_VALUE',
    kind: 'input',
  });
});
