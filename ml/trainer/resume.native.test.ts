import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { loadTensorFlow } from '../../infra/native/load-tensorflow.ts';
import { makeJob, resumed, runSession, runToEnd } from '../../test/lib/trainer-bench.ts';
import type { JobChange, Outcome } from '../../test/lib/trainer-bench.ts';

beforeAll(() => loadTensorFlow({ threads: 2 }));

let dir = '';
let jobs = 0;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'graft-resume-'));
});
afterEach(() => {
  rmSync(dir, { recursive: true });
});

const fresh = (change: JobChange) => makeJob(join(dir, String(jobs++)), change);
const neverStopped = async (change: JobChange): Promise<Outcome> => runToEnd(await fresh(change));

function expectSame(stopped: Outcome, whole: Outcome): void {
  expect(stopped.weightsSha256).toBe(whole.weightsSha256);
  expect(stopped.result).toEqual(whole.result);
  expect(stopped.log).toBe(whole.log);
}

const everything = {
  model: { dropout: 0.3 },
  augment: { flipHorizontal: 0.5 },
  train: {
    schedule: { kind: 'one-cycle' },
    labelSmoothing: 0.1,
    clipNorm: 1,
    checkpoint: { everySteps: 3, everySeconds: null },
  },
};
const withTrain = (train: object): JobChange => ({ ...everything, train: { ...everything.train, ...train } });

const tiny: readonly (readonly [string, JobChange])[] = [
  ['adam with decay', withTrain({ optimizer: { kind: 'adam', learningRate: 0.01, weightDecay: 0.05 } })],
  ['momentum', withTrain({ optimizer: { kind: 'momentum', learningRate: 0.05, nesterov: true } })],
  ['rmsprop', withTrain({ optimizer: { kind: 'rmsprop', learningRate: 0.001, momentum: 0.5, initialSquare: 1 } })],
  [
    'frozen features',
    { ...withTrain({ optimizer: { kind: 'sgd' } }), augment: {}, model: { strategy: 'last-n', lastN: 1 } },
  ],
  [
    'gradual, with layers of one’s own',
    {
      ...withTrain({ schedule: { kind: 'constant' }, optimizer: { kind: 'adam', learningRate: 0.01 } }),
      model: { strategy: 'gradual', head: [{ dense: 6, dropout: 0.3 }] },
    },
  ],
  ['frozen trunk behind a flip', { ...everything, model: { strategy: 'head', dropout: 0.2 } }],
];

describe('tiny-cnn, stopped on request', () => {
  it.each(tiny)('(%s) after every k-th step ends with the same bits as one never stopped', async (_, change) => {
    const whole = await neverStopped(change);
    expect(whole.result.steps).toBe(15);
    for (const k of [1, 2, 4]) {
      const stopped = await runToEnd(await fresh(change), () => ({ stopAfterSteps: k }));
      expect(stopped.sessions).toBeGreaterThan(15 / (k + 1));
      expectSame(stopped, whole);
    }
  });

  it('with early stop counts on where it was', async () => {
    const change = withTrain({
      epochs: 12,
      optimizer: { kind: 'momentum', learningRate: 0.5 },
      schedule: { kind: 'constant' },
      earlyStop: { metric: 'validation.loss', patience: 2, minDelta: 0.05 },
    });
    const whole = await neverStopped(change);
    expect(whole.result.stoppedEarly).toBe(true);
    expect(whole.result.epochs).toBeGreaterThan(whole.result.bestEpoch);
    for (const k of [1, 3, 5]) expectSame(await runToEnd(await fresh(change), () => ({ stopAfterSteps: k })), whole);
  });
});

describe('a rate that hangs on what validation said', () => {
  it('goes on where it was: cuts, waits and rests are in the checkpoint', async () => {
    const schedule = { kind: 'plateau', warmupSteps: 3, patience: 1, minDelta: 0.05, cooldown: 1, factor: 0.5 };
    const change = withTrain({ epochs: 8, optimizer: { kind: 'momentum', learningRate: 0.3 }, schedule });
    const whole = await neverStopped(change);
    const rates = [...whole.log.matchAll(/"kind":"epoch".*?"learningRate":([\d.e-]+)/g)].map((found) =>
      Number(found[1]),
    );
    expect(new Set(rates).size).toBeGreaterThan(2);
    for (const k of [1, 3, 4]) expectSame(await runToEnd(await fresh(change), () => ({ stopAfterSteps: k })), whole);
  });
});

describe('a training that ends or breaks before its time', () => {
  it('because it is good enough, at the same step wherever it was stopped before', async () => {
    const stopWhen = { loss: { below: 1.05, for: 3 } };
    const change = withTrain({ epochs: 30, optimizer: { kind: 'adam', learningRate: 0.01 }, stopWhen });
    const whole = await neverStopped(change);
    expect(whole.result).toMatchObject({ stoppedEarly: true, stopReason: 'stop-when' });
    for (const k of [1, 4]) expectSame(await runToEnd(await fresh(change), () => ({ stopAfterSteps: k })), whole);
  });

  it('goes back to good values and on at a lower rate, to the same bits wherever it was stopped', async () => {
    const onNonFinite = { kind: 'rollback', factor: 1e-9 };
    // Its decay turns every kernel around and makes it 10⁸ times larger in each step.
    const optimizer = { kind: 'adam', learningRate: 100, weightDecay: 1e6 };
    const change = withTrain({ epochs: 2, optimizer, onNonFinite, clipNorm: null, schedule: { kind: 'constant' } });
    const whole = await neverStopped(change);
    expect(whole.result.findings.map(({ code }) => code)).toContain('NONFINITE_ROLLBACK');
    expect(Number.isFinite(whole.result.last.trainLoss)).toBe(true);
    expectSame(await runToEnd(await fresh(change), () => ({ stopAfterSteps: 3 })), whole);
    const failing = withTrain({ optimizer, clipNorm: null, schedule: { kind: 'constant' } });
    await expect(neverStopped(failing)).rejects.toMatchObject({ code: 'TRAIN_NONFINITE' });
  });

  it('because its hours are spent: with a checkpoint, and the best epoch so far', async () => {
    // The session's clock goes 0.6 s a look.
    const change = withTrain({ epochs: 50, budget: { hours: 20 / 3600 } });
    const job = await fresh(change);
    const { events, result } = await runSession(job);
    expect(result).toMatchObject({ stopReason: 'budget', stoppedEarly: true });
    expect(result!.steps).toBeLessThan(50);
    const last = events.flatMap((event) => (event.kind === 'checkpoint' ? [event.staged.counters] : [])).at(-1);
    expect(last).toMatchObject({ step: result!.steps, stopReason: 'budget' });
  });
});

describe('tiny-cnn, killed', () => {
  it('at any word it says ends with the same bits; no more than the interval is done again', async () => {
    const change = withTrain({ optimizer: { kind: 'adam', learningRate: 0.01 } });
    const whole = await neverStopped(change);
    const words = (await runSession(await fresh(change))).events.length;
    expect(words).toBeGreaterThan(20);
    for (let word = 1; word <= words; word++) {
      const job = await fresh(change);
      const killed = await runSession(job, { crashAtEvent: word });
      expect(killed.crashed).toBe(true);
      const reached = Number(readFileSync(join(job.workDir, 'reached-step'), 'utf8'));
      const from = (await resumed(job)).resume?.counters.step ?? 0;
      expect(reached - from).toBeLessThanOrEqual(3);
      expectSame(await runToEnd(job), whole);
    }
  });

  it('again and again ends with the same bits', async () => {
    const change = withTrain({ optimizer: { kind: 'adam', learningRate: 0.01 } });
    const whole = await neverStopped(change);
    const stopped = await runToEnd(await fresh(change), (session) => ({ crashAtEvent: 4 + (session % 5) }));
    expect(stopped.sessions).toBeGreaterThan(3);
    expectSame(stopped, whole);
  });

  it('because of its memory goes on from the checkpoint that it left', async () => {
    const change = withTrain({ memoryLimitMb: 100 });
    const whole = await neverStopped(change);
    const job = await fresh(change);
    const { events } = await runSession(job, { residentBytes: () => 101 * 2 ** 20 });
    expect(events.at(-1)).toEqual({ kind: 'stopped', step: 3, reason: 'memory' });
    expectSame(await runToEnd(job), whole);
  });
});

describe('MobileNetV2', () => {
  const small = { rows: { train: [5, 3], validation: [4] }, sizePx: 32, classes: 2 };
  const train = { epochs: 2, batchSize: 3, optimizer: { kind: 'adam', learningRate: 0.001 } };
  it.each([
    ['last-n', { model: { backbone: 'mobilenet-v2', strategy: 'last-n', lastN: 2, dropout: 0.2 } }],
    [
      'full, with a flip',
      { model: { backbone: 'mobilenet-v2', strategy: 'full', dropout: 0.2 }, augment: { flipHorizontal: 0.5 } },
    ],
  ])('(%s) stopped and killed ends with the same bits', async (_, model) => {
    const change = { ...small, ...model, train };
    const whole = await neverStopped(change);
    expect(whole.result.steps).toBe(6);
    expectSame(await runToEnd(await fresh(change), () => ({ stopAfterSteps: 2 })), whole);
    expectSame(await runToEnd(await fresh(change), (session) => (session < 3 ? { crashAtEvent: 5 } : {})), whole);
  });
});
