import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { loadTensorFlow } from '../../infra/native/load-tensorflow.ts';
import { detectorJob, shapesSide } from '../../test/lib/detector-job.ts';
import type { DetectorChange } from '../../test/lib/detector-job.ts';
import { runSession, runToEnd } from '../../test/lib/trainer-bench.ts';

beforeAll(() => loadTensorFlow({ threads: 2 }));

let dir = '';
let jobs = 0;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'graft-detector-'));
});
afterEach(() => {
  rmSync(dir, { recursive: true });
});

const fresh = (change: DetectorChange = {}) => detectorJob(join(dir, String(jobs++)), change);
const busy: DetectorChange = {
  augment: { brightness: 0.2, erase: {} },
  train: {
    averageDecay: 0.9,
    clipNorm: 10,
    schedule: { kind: 'one-cycle' },
    checkpoint: { everySteps: 3, everySeconds: null },
  },
};

describe('a detector that is stopped or dies', () => {
  it('anywhere ends with the same bits, figures and log as one that never was', { timeout: 120_000 }, async () => {
    const whole = await runToEnd(fresh(busy));
    expect(whole.result).toMatchObject({ steps: 15, epochs: 3 });
    const stopped = await runToEnd(fresh(busy), () => ({ stopAfterSteps: 4 }));
    expect(stopped.sessions).toBeGreaterThan(2);
    const crashed = await runToEnd(fresh(busy), (session) => (session < 6 ? { crashAtEvent: 5 } : {}));
    expect(crashed.sessions).toBeGreaterThan(2);
    for (const outcome of [stopped, crashed]) {
      expect(outcome.weightsSha256).toBe(whole.weightsSha256);
      expect(outcome.result).toEqual(whole.result);
      expect(outcome.log).toBe(whole.log);
    }
  });
});

describe('what a detector says of its training', () => {
  it('has each loss, and mAP with its interval after the epochs that are due and the last', async () => {
    const { events, result } = await runSession(fresh());
    const epochs = events.flatMap((event) => (event.kind === 'epoch' ? [event.metrics] : []));
    expect(epochs.map(({ detection }) => detection?.evaluated)).toEqual([false, true, true]);
    for (const { detection, validationLoss, validationAccuracy } of epochs) {
      const { classes = 0, boxes = 0 } = detection?.losses ?? {};
      expect(classes + boxes).toBeCloseTo(validationLoss, 5);
      expect(detection?.mAP50).toBe(validationAccuracy);
    }
    const last = epochs.at(-1)?.detection;
    expect(last?.low50).toBeLessThanOrEqual(last?.mAP50 ?? -1);
    expect(result?.findings.map(({ code }) => code)).toEqual(expect.arrayContaining(['WEIGHTS_ORIGIN', 'LOSS_LEVEL']));
  });

  it('keeps what is frozen, and says what was restored from another detector with other classes', async () => {
    const first = await runSession(fresh());
    const weightsPath = first.result?.weightsPath ?? '';
    const job = fresh();
    const next = await runSession({
      ...job,
      weightsPath,
      model: { ...job.model, strategy: 'head', classes: ['square', 'disc', 'none'] },
    });
    const origin = next.result?.findings.find(({ code }) => code === 'WEIGHTS_ORIGIN')?.message ?? '';
    expect(origin).toMatch(
      /^36 tensors are restored \(backbone\/conv1.*6 are fresh \(detector\/map0, detector\/map1, detector\/map2\)$/,
    );
    expect(next.result?.trainableParameters).toBeLessThan(first.result?.trainableParameters ?? 0);
  });
});

describe('a detector that can’t learn', () => {
  it('names a side without boxes', async () => {
    const job = fresh();
    const none = { ...job, validation: shapesSide(join(dir, 'none'), 'validation', 4, 0, { objects: false }) };
    await expect(runSession(none)).rejects.toMatchObject({ code: 'DATASET_BOXES' });
  });

  it('names the step and the rows where the loss is no number', async () => {
    const optimizer = { kind: 'adam', learningRate: 100, weightDecay: 1e6 };
    await expect(runSession(fresh({ train: { optimizer } }))).rejects.toMatchObject({ code: 'TRAIN_NONFINITE' });
  });
});
