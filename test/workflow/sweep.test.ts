/** Sweeps on a real Temporal server, with trainings that are made up. */
import { WorkflowUpdateFailedError } from '@temporalio/client';
import type { WorkflowHandle, WorkflowFailedError } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RetrainInput } from '../../contracts/run.ts';
import type { SweepInput } from '../../contracts/sweep.ts';
import { simulate } from '../../core/search/simulate.ts';
import type { SweepCommand } from '../../core/search/sweep.ts';
import { methods } from '../../core/search/testing/methods.ts';
import { createRunsClient } from '../../infra/clients/runs-client.ts';
import { sweepQuery, sweepUpdate } from '../../workflows/messages.ts';
import { SWEEP_WORKFLOW, sweepWorkflowId, taskQueues } from '../../workflows/workflow-ids.ts';
import type { sweepWorkflow } from '../../workflows/index.ts';
import { untilCancelled } from '../fakes/stage-activities.ts';
import type { AllActivities } from '../fakes/stage-activities.ts';
import { simulated, sweepActivities, sweepInput } from '../lib/sweep-bench.ts';
import { workflowBench } from '../lib/workflow-bench.ts';
import type { WorkflowBench } from '../lib/workflow-bench.ts';

type Handle = WorkflowHandle<typeof sweepWorkflow>;
let bench: WorkflowBench;

beforeAll(async () => {
  bench = await workflowBench();
});
afterAll(() => bench.close());

function withSweep<T>(input: SweepInput, activities: AllActivities, body: (handle: Handle) => Promise<T>): Promise<T> {
  return bench.withWorkers(activities, async () =>
    body(
      await bench.client.workflow.start<typeof sweepWorkflow>(SWEEP_WORKFLOW, {
        taskQueue: taskQueues.workflow,
        workflowId: sweepWorkflowId(input.sweepId),
        args: [input],
      }),
    ),
  );
}

const decisionsOf = (
  trials: readonly { readonly values: unknown; readonly epochs?: number; readonly epoch?: number }[],
) => trials.map(({ values, epochs, epoch }) => ({ values, epochs: epochs ?? epoch }));

describe('a sweep', { timeout: 400_000 }, () => {
  test('decides as the simulator does, trains each part once and promotes the best, trained to its end', async () => {
    const runs: RetrainInput[] = [];
    const trained: string[] = [];
    const promoted: unknown[] = [];
    const activities = sweepActivities();
    const { openRun, trainModel, promoteModel } = activities;
    activities.openRun = (input) => (runs.push(input), openRun(input));
    activities.trainModel = (input) => (
      trained.push(`${input.runId}:${input.leg?.untilEpoch ?? 'whole'}:${input.leg?.from ?? '-'}`),
      trainModel(input)
    );
    activities.promoteModel = (input) => (promoted.push(input), promoteModel(input));
    const input = sweepInput('decides');
    const report = await withSweep(input, activities, (handle) => handle.result());
    const { state } = simulate(input.state, simulated());
    expect(decisionsOf(report.trials)).toEqual(decisionsOf(state.search.trials));
    expect(report).toMatchObject({ status: 'completed', ended: 'finished', legs: state.decisions.length });
    // One of 12 comes to nine epochs; it is trained to the end of all 27 before the gate sees it.
    const best = report.best!;
    expect(trained.at(-1)).toBe(`${best.runId}:27:stages/train/${best.runId}-9/manifest.json`);
    expect(new Set(trained).size).toBe(trained.length);
    expect(report.promotion).toMatchObject({ runId: best.runId, status: 'completed', model: { promoted: true } });
    expect(promoted).toHaveLength(1);
    expect(runs.every(({ data }) => data?.dataset.name === 'pets')).toBe(true);
    expect(runs.slice(0, -1).every(({ trialOf }) => trialOf === 'decides')).toBe(true);
    // Trials are no runs that people look for; the one that went to the gate is.
    const listed = async (trials: 'with-trials' | 'without-trials') =>
      (await client.list(50, 'decides', trials)).map(({ runId }) => runId);
    const client = createRunsClient({ client: bench.client, namespace: 'default' });
    await expect.poll(() => listed('without-trials'), { timeout: 20_000 }).toEqual([best.runId]);
    await expect.poll(async () => (await listed('with-trials')).length, { timeout: 20_000 }).toBe(12);
  });

  test('decides the same with four at once, whoever is quick, and hands over to new executions', async () => {
    const slow = (runId: string): number => (runId.charCodeAt(runId.length - 1) % 3) * 60;
    // TPE looks at every result: what is known when decides.
    const method = methods['asha with tpe']!;
    const options = { method, concurrency: 4, budget: 16, historyLimit: 60 };
    const input = sweepInput('parallel', options);
    const histories: number[] = [];
    const report = await withSweep(input, sweepActivities({ failing: 0.3, pauseMs: slow }), async (handle) => {
      const result = await handle.result();
      for await (const each of bench.client.workflow.list({ query: `WorkflowId = '${handle.workflowId}'` })) {
        histories.push(each.historyLength ?? 0);
      }
      return result;
    });
    const { state } = simulate(input.state, simulated(0.3));
    expect(report.decisions).toEqual(state.decisions);
    expect(decisionsOf(report.trials)).toEqual(decisionsOf(state.search.trials));
    expect(report.trials.filter((trial) => trial.state === 'failed').length).toBeGreaterThan(1);
    expect(report.executions).toBeGreaterThan(2);
    expect(histories.every((events) => events < 300)).toBe(true);
  });

  test('is changed while it runs: paused, a trial stopped, one added, the budget raised, ended', async () => {
    let release = (): void => undefined;
    const gate = new Promise<void>((resolve) => (release = resolve));
    const activities = sweepActivities();
    const { trainModel } = activities;
    // The second trial trains until it is stopped; the first waits for the test.
    activities.trainModel = async (input) =>
      input.runId.endsWith('t0001') ? untilCancelled() : gate.then(() => trainModel(input));
    const input = sweepInput('changed', { method: { kind: 'random' }, concurrency: 2, budget: 3 });
    await withSweep(input, activities, async (handle) => {
      const running = async () => (await handle.query(sweepQuery)).trials.length;
      await expect.poll(running, { timeout: 20_000 }).toBe(2);
      const change = (asked: SweepCommand) => handle.executeUpdate(sweepUpdate, { args: [asked] });
      expect(await change({ kind: 'pause' })).toMatchObject({ status: 'paused' });
      const refused = await change({ kind: 'stop-trial', trial: 7 }).catch((error: unknown) => error);
      expect(refused).toBeInstanceOf(WorkflowUpdateFailedError);
      const stopped = await change({ kind: 'stop-trial', trial: 1 });
      expect(stopped).toMatchObject({ trials: [{ state: 'running' }, { state: 'stopped' }] });
      const values = { 'train.optimizer.learningRate': 1e-3, 'model.dropout': 0.2 };
      await change({ kind: 'add', values: [values] });
      await change({ kind: 'budget', trials: 5 });
      release();
      await change({ kind: 'resume' });
      const report = await handle.result();
      expect(report.trials.map((trial) => trial.state)).toEqual(['done', 'stopped', 'done', 'done', 'done']);
      expect(report.trials[2]?.values).toEqual(values);
      expect(report.best).toMatchObject({ trial: 2 });
    });
  });

  test('of strategies begins with the advisor’s pick for its data', async () => {
    const { state, base, ...input } = sweepInput('advised', { method: { kind: 'random' }, budget: 2, promote: false });
    const config = { ...base, model: { ...base.model, backbone: 'efficientnet-lite0' as const } };
    const strategy = { kind: 'choice', options: ['linear-probe', 'head', 'last-n'] } as const;
    const parameters = [{ name: 'model.strategy', domain: strategy, when: null, points: null }];
    const search = { ...state.search, space: { parameters, constraints: [] }, wanted: [{ 'model.strategy': 'head' }] };
    const advised = { ...input, base: config, state: { ...state, search }, advised: true };
    const report = await withSweep(advised, sweepActivities(), (handle) => handle.result());
    // A hundred pictures are few.
    expect(report.trials.map(({ values }) => values)).toEqual([
      { 'model.strategy': 'linear-probe' },
      { 'model.strategy': 'head' },
    ]);
  });

  test('is cancelled: what trains keeps a checkpoint, and nothing is promoted', async () => {
    const activities = sweepActivities();
    activities.trainModel = untilCancelled;
    await withSweep(sweepInput('cancelled', { concurrency: 2 }), activities, async (handle) => {
      await expect.poll(async () => (await handle.query(sweepQuery)).trials.length, { timeout: 20_000 }).toBe(2);
      await handle.executeUpdate(sweepUpdate, { args: [{ kind: 'stop', reason: 'cancelled' }] });
      expect(await handle.result()).toMatchObject({ status: 'cancelled', promotion: null });
    });
  });

  test('fails with what its trials failed with, where none has a result', async () => {
    const input = sweepInput('hopeless', { method: methods['random']!, failuresAtMost: 0.5 });
    const error = await withSweep(input, sweepActivities({ failing: 1 }), (handle) =>
      handle.result().catch((thrown: unknown) => thrown),
    );
    expect((error as WorkflowFailedError).cause).toMatchObject({
      type: 'SWEEP_NO_RESULT',
      message: expect.stringContaining('TRAIN_NONFINITE'),
    });
  });

  test('ends when its time is over', async () => {
    const activities = sweepActivities();
    const { trainModel } = activities;
    activities.trainModel = (input) => (input.runId.endsWith('t0000') ? trainModel(input) : untilCancelled());
    const input = sweepInput('timed', { method: methods['random']!, hours: 5 / 3600, promote: false });
    expect(await withSweep(input, activities, (handle) => handle.result())).toMatchObject({
      status: 'completed',
      ended: 'time',
      best: { trial: 0 },
    });
  });
});
