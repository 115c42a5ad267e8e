import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ActivityCancellationDetails, ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TrainingProgress } from '../../contracts/run.ts';
import { createFakeClock } from '../../test/fakes/clock.ts';
import type { FakeClock } from '../../test/fakes/clock.ts';
import { mockActivity } from '../../test/fakes/mock-activity.ts';
import type { MockActivity } from '../../test/fakes/mock-activity.ts';
import type { Script, ScriptHost, ScriptedMlRunner } from '../../test/fakes/scripted-ml-runner.ts';
import { checkpoint, createTrainWorld, finish, jobOf, ready, RUN, trains } from '../../test/fakes/train-stage.ts';
import type { TrainWorld } from '../../test/fakes/train-stage.ts';
import { claimAttempt } from './attempt.ts';

let dir = '';
let world: TrainWorld;
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'graft-train-'));
  world = await createTrainWorld(dir);
});
afterEach(() => {
  rmSync(dir, { recursive: true });
});

/** Starts a training that runs until it is asked to stop, then does what `then` says. */
async function untilStopped(
  env: MockActivity,
  then: Script,
): Promise<{ result: Promise<unknown>; ml: ScriptedMlRunner }> {
  let started: () => void = () => undefined;
  const running = new Promise<void>((resolve) => {
    started = resolve;
  });
  const script: Script = async (host) => {
    ready(host);
    started();
    await host.stopRequested;
    await then(host);
  };
  const { result, ml } = world.train([script], { env });
  result.catch(() => undefined);
  await running;
  return { result, ml };
}

describe('a stop', () => {
  const orderly: Script = async (host) => {
    await checkpoint(host, 45);
    host.emit({ kind: 'stopped', step: 45, reason: 'requested' });
  };

  it('by a person ends as cancelled, its last checkpoint in the store', async () => {
    const env = mockActivity();
    const { result, ml } = await untilStopped(env, orderly);
    env.cancel();
    await expect(result).rejects.toBeInstanceOf(CancelledFailure);
    await world.committed(1);
    expect(ml.endings).toEqual(['stop']);
    const next = world.train([trains], { machine: 'b' });
    await next.result;
    expect(jobOf(next.ml.jobs[0]).resume?.counters.step).toBe(45);
  });

  it('because the worker goes is for another worker to take up', async () => {
    const env = mockActivity();
    const { result } = await untilStopped(env, orderly);
    env.cancel('WORKER_SHUTDOWN', new ActivityCancellationDetails({ workerShutdown: true }));
    await expect(result).rejects.toMatchObject({ type: 'WORKER_SHUTDOWN', nonRetryable: false });
    await expect(result).rejects.toBeInstanceOf(ApplicationFailure);
  });

  it('of a child that dies on it is a stop all the same', async () => {
    const env = mockActivity();
    const { result } = await untilStopped(env, () => {
      throw new Error('SIGKILL at the deadline');
    });
    env.cancel();
    await expect(result).rejects.toBeInstanceOf(CancelledFailure);
  });
});

describe('a trainer that somebody else stops', () => {
  it('does not cancel the run: it is tried again', async () => {
    const stops: Script = async (host) => {
      ready(host);
      await checkpoint(host, 45);
      host.emit({ kind: 'stopped', step: 45, reason: 'requested' });
    };
    await expect(world.train([stops]).result).rejects.toMatchObject({ type: 'TRAIN_STOPPED', nonRetryable: false });
  });
});

describe('progress', () => {
  const step = (now: number) => ({
    kind: 'step' as const,
    step: now,
    totalSteps: 1000,
    epoch: 1,
    loss: 1,
    imagesPerSecond: 100,
    residentMb: 500,
    tensors: 10,
  });
  /** A child that says a step every so many seconds; the clock goes with it. */
  const steps =
    (count: number, everySeconds: number, clock: FakeClock, last: Script = finish): Script =>
    async (host) => {
      ready(host);
      for (let now = 1; now <= count; now++) {
        clock.advance(1000 * everySeconds);
        host.emit(step(now));
        await new Promise((resolve) => setImmediate(resolve));
      }
      await last(host);
    };
  async function signalsOf(env: MockActivity, clock: FakeClock, script: Script): Promise<unknown[]> {
    await world.train([script], { env, clock }).result.catch(() => undefined);
    return env.signals.map(([name, progress]) => {
      expect(name).toBe('trainingProgress');
      return TrainingProgress.parse(progress).step;
    });
  }

  it('beats the heart with every word of the child, and tells the workflow ever more rarely', async () => {
    const env = mockActivity({ scheduledTimestampMs: Date.UTC(2026, 0, 1) });
    const heartbeats: unknown[] = [];
    env.on('heartbeat', (details: unknown) => heartbeats.push(details));
    const clock = createFakeClock();
    const told = await signalsOf(env, clock, steps(300, 1, clock));
    expect(told.slice(0, 4)).toEqual([0, 11, 21, 31]);
    expect(told.length).toBeLessThan(20);
    expect(heartbeats.length).toBeGreaterThan(300);
    expect(heartbeats.at(-2)).toMatchObject({ phase: 'training', step: 300, attempt: 1, totalEpochs: 5 });
    // What the result says of itself, which here is another child's.
    expect(heartbeats.at(-1)).toMatchObject({ phase: 'finishing', step: 50, etaSeconds: 0 });
  });

  it('does not begin anew with a retry: crashes can’t fill the history', async () => {
    const clock = createFakeClock();
    const scheduledTimestampMs = clock.nowMs();
    const crash = (): never => {
      throw new Error('SIGKILL');
    };
    let told = 0;
    for (let attempt = 1; attempt <= 30; attempt++) {
      const env = mockActivity({ attempt, scheduledTimestampMs });
      told += (await signalsOf(env, clock, steps(10, 5, clock, crash))).length;
      clock.advance(3_550_000);
    }
    // After hours, an attempt of 50 s has nothing to say that is news.
    expect(told).toBeGreaterThan(3);
    expect(told).toBeLessThan(10);
  });

  it('that can’t be delivered costs nothing', async () => {
    const env = mockActivity({}, { signalsFail: true });
    await expect(world.train([trains], { env }).result).resolves.toMatchObject({ cached: false });
    expect(env.signals.length).toBeGreaterThan(0);
  });
});

describe('a zombie', () => {
  it('whose run was claimed by another worker commits nothing any more', async () => {
    const host: { current: ScriptHost | null } = { current: null };
    const zombie: Script = async (own) => {
      ready(own);
      host.current = own;
      await claimAttempt({ store: world.store, clock: ports.clock, host: 'b' }, RUN, {
        resumedFromStep: 0,
        reachedStep: null,
      });
      await checkpoint(own, 50);
      // It says one more thing, and learns that it is too late.
      await own.stopRequested;
    };
    const { result, ports } = world.train([zombie]);
    const poll = setInterval(() => host.current?.emit({ kind: 'features', done: 1, total: 2 }), 5);
    await expect(result).rejects.toMatchObject({ type: 'STALE_ATTEMPT', nonRetryable: true });
    clearInterval(poll);
    expect(world.checkpoints()).toEqual([]);
  });
});
