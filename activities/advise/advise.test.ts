import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { MeasureResult } from '../../contracts/measure-jobs.ts';
import { PipelineConfig } from '../../contracts/pipeline-config.ts';
import { SettleResult } from '../../contracts/stages.ts';
import { createMemoryObjectStore } from '../../test/fakes/memory-object-store.ts';
import { mockActivity } from '../../test/fakes/mock-activity.ts';
import { createScriptedMlRunner } from '../../test/fakes/scripted-ml-runner.ts';
import type { Script } from '../../test/fakes/scripted-ml-runner.ts';
import { hashOf, putPrepared } from '../../test/fakes/stage-fixtures.ts';
import { RUN } from '../../test/fakes/train-stage.ts';
import { fakePorts } from '../../test/fakes/train-ports.ts';
import { createAdviseActivities } from './advise.ts';

let dir = '';
const store = () => createMemoryObjectStore();
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'graft-advise-'));
});
afterEach(() => {
  rmSync(dir, { recursive: true });
});

const probes =
  (accuracy: number): Script =>
  ({ emit }) => {
    emit({ kind: 'probed', probe: { images: 24, folds: 3, majority: 0.5, cuts: [{ cut: 'top', accuracy }] } });
  };
const timed: Omit<MeasureResult, 'residentMb'> = {
  ...{ openSeconds: 1, stepSeconds: 1, stepFast: 1, stepSlow: 1, scoreSeconds: 1, prefix: null, codeValues: null },
};
const takes =
  (residentMb: number): Script =>
  ({ emit }) => {
    emit({ kind: 'measured', measured: { ...timed, residentMb } });
  };
const curve = Array.from({ length: 100 }, (_, i) => ({
  rate: 1e-7 * 10 ** (i / 12.4),
  loss: 2 - 1.8 / (1 + Math.exp(6 - i / 8)),
}));
const ranges: Script = ({ emit }) => {
  emit({ kind: 'range-tested', curve });
};
const dies: Script = () => {
  throw new Error('SIGKILL');
};

async function world(rows = 600) {
  const own = store();
  const { manifestKey } = await putPrepared(own, { rows: { train: rows, validation: 4, test: 4 } });
  return async (scripts: readonly Script[], change: { auto: string[]; model?: object; train?: object }) => {
    const ml = createScriptedMlRunner(scripts);
    const fetchWeights = () => Promise.resolve({ path: '/weights', sha256: hashOf('weights') });
    const { settleAutos } = createAdviseActivities(fakePorts({ store: own, dir, ml, fetchWeights }));
    const model = { backbone: 'efficientnet-lite0', weights: 'imagenet', ...change.model };
    const config = PipelineConfig.parse({ name: 'pets', dataset: { source: './pets' }, ...change, model });
    const input = { runId: RUN, config, prepareManifestKey: manifestKey };
    return { ml, result: SettleResult.parse(await mockActivity().run(settleAutos, input)) };
  };
}

describe('settleAutos', () => {
  it('follows the advice, and measures nothing a second time', async () => {
    const settle = await world();
    const { result } = await settle([probes(0.95)], { auto: ['model.strategy'] });
    expect(result).toMatchObject({ stage: 'advise', cached: false, summary: 'auto: strategy linear-probe' });
    expect(result.config).not.toHaveProperty('auto');
    expect(result.config.model.strategy).toBe('linear-probe');
    expect(result.output.why.join(' ')).toContain('names 95 % rightly');
    const again = await settle([], { auto: ['model.strategy'], train: { epochs: 9 } });
    expect(again.result).toMatchObject({ cached: true, key: result.key, config: { train: { epochs: 9 } } });
  });

  it('keeps what the file says besides: augmentation and layers of one’s own are not solved', async () => {
    const settle = await world();
    const { result } = await settle([probes(0.95)], { auto: ['model.strategy'], model: { head: [{ dense: 8 }] } });
    expect(result.config.model.strategy).toBe('head');
  });

  it('takes the largest batch that stays below the limit', async () => {
    const settle = await world();
    const train = { memoryLimitMb: 1000 };
    const sizes = [takes(400), takes(700), takes(1100)];
    const { ml, result } = await settle(sizes, { auto: ['train.batchSize'], model: { strategy: 'full' }, train });
    expect(ml.jobs.map((job) => job.kind === 'measure' && job.train.config.batchSize)).toEqual([8, 16, 32]);
    expect(result.config.train.batchSize).toBe(16);
    expect(result.output.why).toEqual([
      'batchSize 16: the largest that was tried and fits (700 of 1000 MiB); 32 took 1100 MiB',
    ]);
  });

  it('goes back from a batch whose child died', async () => {
    const settle = await world();
    const { result } = await settle([takes(400), dies], { auto: ['train.batchSize'], model: { strategy: 'full' } });
    expect(result.config.train.batchSize).toBe(8);
    await expect(settle([dies], { auto: ['train.batchSize'], model: { strategy: 'scratch' } })).rejects.toThrow(
      /killed/,
    );
  });

  it('takes the valley of a range test, with what was settled before it', async () => {
    const settle = await world();
    const auto = ['train.optimizer.learningRate', 'train.batchSize'];
    const { ml, result } = await settle([takes(1), takes(1), takes(1), takes(1), ranges], {
      auto,
      model: { strategy: 'full' },
    });
    const last = ml.jobs.at(-1);
    expect(last?.kind === 'range-test' && last.train.config.batchSize).toBe(64);
    const { learningRate } = result.config.train.optimizer;
    expect(learningRate).toBe(result.output.learningRate);
    expect(learningRate).toBeGreaterThan(1e-5);
    expect(learningRate).toBeLessThan(1);
  });
});
