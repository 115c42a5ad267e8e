import { describe, expect, it } from 'vitest';
import type { RunProgress, TrainingProgress } from '../../../contracts/run.ts';
import type { RunEvent } from '../../../contracts/web.ts';
import { asRunId } from '../../../core/ids.ts';
import type { Observation, RunInfo, RunsClient } from '../../../infra/clients/runs-client.ts';
import { createMemoryObjectStore } from '../../../test/fakes/memory-object-store.ts';
import { followRun } from './follow-run.ts';

const runId = asRunId('followed');
const training = (step: number): TrainingProgress => ({
  ...{ phase: 'training', attempt: 1, step, totalSteps: 100, epoch: 1, totalEpochs: 1, loss: 1, imagesPerSecond: 1 },
  ...{ etaSeconds: 1, featuresDone: null, lastEpoch: null, checkpoint: null, residentMb: null },
});
const pending = (activity: string, heartbeat: unknown): Observation['pending'] => [
  { activity, started: true, attempt: 1, lastFailure: null, heartbeat },
];
const progressAt = (step: number): RunProgress => ({ stage: 'train', stages: [], training: training(step) }) as never;

/** A Temporal that says what the test has it say: heartbeats at once, the workflow when it gets round to it. */
function world() {
  const state = { pending: pending('trainModel', training(1)), looks: 0, workflow: Promise.resolve(progressAt(0)) };
  const client: Pick<RunsClient, 'describe' | 'observe' | 'unpolled'> = {
    describe: async () => {
      state.looks++;
      return { runId, status: 'running' } as RunInfo;
    },
    observe: async (_, options) => {
      const seen = { pending: state.pending, stuck: null };
      if (options?.progress === false) return { ...seen, progress: null };
      return { ...seen, progress: await state.workflow };
    },
    unpolled: async () => [],
  };
  const stop = new AbortController();
  const events = followRun({
    runId,
    runs: async () => client as RunsClient,
    store: createMemoryObjectStore(),
    explain: (error) => error,
    signal: stop.signal,
    everyMs: 1,
  });
  const stepAfter = async (): Promise<number | undefined> => {
    for (;;) {
      const next = await events.next();
      const event: RunEvent = next.value;
      if (event.kind === 'progress') return event.live.training?.step;
    }
  };
  return { state, stepAfter, stop: () => stop.abort() };
}

describe('followRun', () => {
  it('tells of heartbeats while the workflow, asked at the same time, does not answer', async () => {
    const { state, stepAfter, stop } = world();
    expect(await stepAfter()).toBe(1);
    state.workflow = new Promise(() => undefined);
    for (const step of [2, 3, 4]) {
      state.pending = pending('trainModel', training(step));
      expect(await stepAfter()).toBe(step);
    }
    stop();
  });

  it('asks the workflow as soon as the training is no longer pending: its last step came with no heartbeat', async () => {
    const { state, stepAfter, stop } = world();
    expect(await stepAfter()).toBe(1);
    const before = state.looks;
    state.workflow = Promise.resolve(progressAt(100));
    state.pending = pending('evaluateModel', null);
    let step = await stepAfter();
    while (step !== 100) step = await stepAfter();
    // The look that finds it, and the one after the answer: it is asked every fourth otherwise.
    expect(state.looks - before).toBeLessThanOrEqual(2);
    stop();
  });
});
