/** The workflow on a real Temporal server, with activities that answer at once. */
import { ApplicationFailure } from '@temporalio/common';
import { WorkflowFailedError } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RunReport } from '../../contracts/run.ts';
import { progressIsDue } from '../../core/training/thinning.ts';
import { cancelRunSignal, progressQuery, trainingProgressSignal } from '../../workflows/messages.ts';
import { fakeActivities, progress, untilCancelled, wrongInput } from '../fakes/stage-activities.ts';
import { manualInput, retrainInput, workflowBench } from '../lib/workflow-bench.ts';
import type { WorkflowBench } from '../lib/workflow-bench.ts';

const STAGES = ['ingest', 'validate', 'split', 'prepare', 'train', 'evaluate', 'gate', 'promote'] as const;
let bench: WorkflowBench;

beforeAll(async () => {
  bench = await workflowBench();
});
afterAll(() => bench.close());

describe('a run', () => {
  test('goes through the stages in order, hands on references, and reports', async () => {
    const closed: RunReport[] = [];
    const calls: unknown[] = [];
    const activities = fakeActivities({
      closeRun: async (report) => void closed.push(report),
    });
    const { trainModel, promoteModel } = activities;
    activities.trainModel = (input) => (calls.push(input), trainModel(input));
    activities.promoteModel = (input) => (calls.push(input), promoteModel(input));
    const report = await bench.withRun('in-order', activities, (handle) => handle.result());
    expect(report.status).toBe('completed');
    expect(report.stages.map(({ name }) => name)).toEqual(STAGES);
    expect(report).toMatchObject({ model: { name: 'pets', version: 1, promoted: true }, metrics: { accuracy: 0.9 } });
    expect(calls[0]).toMatchObject({ prepareManifestKey: expect.stringContaining('stages/prepare/') });
    expect(calls[1]).toMatchObject({ model: 'pets', requestedBy: 'tester', evidence: { runId: 'in-order' } });
    expect(closed).toEqual([report]);
  });

  test('that is a dry run of the gate ends with its decision and promotes nothing', async () => {
    const activities = fakeActivities({
      promoteModel: () => Promise.reject(new Error('nothing may be promoted')),
      prepareApproval: () => Promise.reject(new Error('nobody may be asked')),
    });
    const input = { ...manualInput('gate-only'), gateOnly: true };
    const report = await bench.withRun(input, activities, (handle) => handle.result());
    expect(report).toMatchObject({ status: 'completed', model: null, gate: [{ rule: 'champion', passed: true }] });
    expect(report.stages.at(-1)?.name).toBe('gate');
  });

  test('begins with the champion, learns from the window, and is scored on the newest, where that is wanted', async () => {
    const calls: Record<string, unknown> = {};
    const activities = fakeActivities();
    for (const name of ['planRetraining', 'prepareImages', 'trainModel', 'evaluateModel'] as const) {
      const answer = activities[name] as (input: unknown) => Promise<never>;
      activities[name] = (input: unknown) => ((calls[name] = input), answer(input));
    }
    const change = { model: { weights: 'champion', strategy: 'full' }, dataset: { recent: { days: 30 } } };
    const input = retrainInput('from-champion', change);
    const report = await bench.withRun(input, activities, (handle) => handle.result());
    expect(report.status).toBe('completed');
    expect(calls).toMatchObject({
      planRetraining: {
        champion: { model: 'pets', alias: 'champion' },
        network: { backbone: 'tiny-cnn', cut: null },
        recent: { days: 30 },
      },
      prepareImages: { only: { key: 'recent' } },
      trainModel: { start: { version: 1, weights: { key: 'champion' } } },
      evaluateModel: { newest: { key: 'newest' } },
    });
  });

  test('is judged again where another run was promoted meanwhile', async () => {
    const activities = fakeActivities();
    const { promoteModel } = activities;
    let promotions = 0;
    let judged = 0;
    const { decidePromotion } = activities;
    activities.decidePromotion = (input) => (judged++, decidePromotion(input));
    activities.promoteModel = async (input) => {
      const answer = await promoteModel(input);
      return ++promotions > 1 ? answer : { ...answer, output: { ...answer.output, promoted: false, overtakenBy: 7 } };
    };
    const report = await bench.withRun('overtaken', activities, (handle) => handle.result());
    expect([judged, promotions]).toEqual([2, 2]);
    expect(report.stages.map(({ name }) => name)).toEqual(STAGES);
    expect(report.model?.promoted).toBe(true);
  });

  test('answers the progress query while it runs and after', async () => {
    let release = (): void => undefined;
    const gate = new Promise<void>((resolve) => (release = resolve));
    const activities = fakeActivities();
    const { trainModel } = activities;
    activities.trainModel = async (input) => gate.then(() => trainModel(input));
    await bench.withRun('queried', activities, async (handle) => {
      await handle.signal(trainingProgressSignal, progress);
      await expect
        .poll(() => handle.query(progressQuery).then(({ stage }) => stage), { timeout: 20_000 })
        .toBe('train');
      const running = await handle.query(progressQuery);
      expect(running).toMatchObject({ runId: 'queried', status: 'running', training: { step: 3, loss: 0.7 } });
      expect(running.stages).toHaveLength(4);
      release();
      await handle.result();
      const over = await handle.query(progressQuery);
      expect(over).toMatchObject({ status: 'completed', stage: null });
      // What was told last may be old: its last step is the training's own.
      expect(over.training).toMatchObject({ phase: 'finishing', step: 8, epoch: 1 });
    });
  });

  test.each(['ingestDataset', 'prepareImages', 'trainModel', 'evaluateModel'] as const)(
    'is cancelled by signal in %s and says so in its report',
    async (activity) => {
      const closed: RunReport[] = [];
      const activities = fakeActivities({
        [activity]: untilCancelled,
        closeRun: async (r: RunReport) => void closed.push(r),
      });
      await bench.withRun(`cancel-${activity.toLowerCase()}`, activities, async (handle) => {
        const pending = async () => (await handle.describe()).raw.pendingActivities?.[0]?.activityType?.name;
        await expect.poll(pending, { timeout: 20_000 }).toBe(activity);
        await handle.signal(cancelRunSignal, { reason: 'test' });
        expect((await handle.result()).status).toBe('cancelled');
        expect(closed.map(({ status }) => status)).toEqual(['cancelled']);
      });
    },
  );

  test('fails at once on wrong input, with its code', async () => {
    const closed: RunReport[] = [];
    let tries = 0;
    const activities = fakeActivities({
      ingestDataset: () => (tries++, wrongInput()),
      closeRun: async (report) => void closed.push(report),
    });
    const error = await bench.withRun('wrong', activities, (handle) => handle.result().catch((e: unknown) => e));
    expect(error).toBeInstanceOf(WorkflowFailedError);
    expect((error as WorkflowFailedError).cause?.cause).toMatchObject({ type: 'DATASET_MISSING' });
    expect(tries).toBe(1);
    expect(closed.map(({ status }) => status)).toEqual(['failed']);
  });

  test('tries again what is transient', async () => {
    let tries = 0;
    const activities = fakeActivities();
    const { splitDataset } = activities;
    activities.splitDataset = async (input) => {
      if (++tries < 3) throw ApplicationFailure.retryable('STORE_BUSY: 503', 'STORE_BUSY');
      return splitDataset(input);
    };
    expect((await bench.withRun('transient', activities, (handle) => handle.result())).status).toBe('completed');
    expect(tries).toBe(3);
  });

  test('has fewer than 500 events after as many progress messages as a month of training sends', async () => {
    const messages = messagesInAMonth();
    let release = (): void => undefined;
    const gate = new Promise<void>((resolve) => (release = resolve));
    const activities = fakeActivities();
    const { trainModel } = activities;
    activities.trainModel = async (input) => gate.then(() => trainModel(input));
    await bench.withRun('month', activities, async (handle) => {
      for (let i = 0; i < messages; i++) await handle.signal(trainingProgressSignal, { ...progress, step: i });
      release();
      await handle.result();
      const { historyLength } = await handle.describe();
      expect(messages).toBeGreaterThan(50);
      expect(historyLength).toBeLessThan(500);
    });
  });
});

function messagesInAMonth(): number {
  const month = 30 * 24 * 3_600_000;
  let lastMs = Number.NEGATIVE_INFINITY;
  let count = 0;
  for (let now = 0; now < month; now += 1000) {
    if (!progressIsDue(now, 0, lastMs)) continue;
    lastMs = now;
    count++;
  }
  return count;
}
