/** Telling people on a real Temporal server: what it does to the run, which is nothing. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { NotifyConfig } from '../../contracts/notify-config.ts';
import type { NotifyReport } from '../../contracts/notify-config.ts';
import { fakeActivities, wrongInput } from '../fakes/stage-activities.ts';
import type { AllActivities } from '../fakes/stage-activities.ts';
import { retrainInput, workflowBench } from '../lib/workflow-bench.ts';
import type { WorkflowBench } from '../lib/workflow-bench.ts';
import { RETRAIN_WORKFLOW, retrainWorkflowId, taskQueues } from '../../workflows/workflow-ids.ts';

let bench: WorkflowBench;
beforeAll(async () => {
  bench = await workflowBench();
});
afterAll(() => bench.close());

const notify = NotifyConfig.parse([{ kind: 'slack' }, { kind: 'webhook', url: 'https://example.org', on: ['failed'] }]);

/** A run that tells people; its result, or what it failed with. */
async function run(name: string, overrides: Partial<AllActivities>): Promise<{ result: unknown; told: NotifyReport }> {
  const input = retrainInput(name);
  let done = (_: NotifyReport): void => undefined;
  const told = new Promise<NotifyReport>((resolve) => (done = resolve));
  const activities = fakeActivities({ ...overrides, recordNotifications: async (report) => done(report) });
  return bench.withWorkers(activities, async () => {
    const handle = await bench.client.workflow.start(RETRAIN_WORKFLOW, {
      taskQueue: taskQueues.workflow,
      workflowId: retrainWorkflowId(input.runId),
      args: [{ ...input, config: { ...input.config, notify } }],
    });
    const result: unknown = await handle.result().catch((error: unknown) => error);
    return { result, told: await told };
  });
}

describe('a run with people to tell', () => {
  test('ends although nobody takes the message, which is written down', async () => {
    let tries = 0;
    const { result, told } = await run('told', { deliverNotification: () => (tries++, wrongInput()) });
    expect(result).toMatchObject({ status: 'completed' });
    expect(told.deliveries).toEqual([
      { target: 'slack GRAFT_NOTIFY_SLACK_URL', delivered: false, problem: expect.stringContaining('no such folder') },
    ]);
    expect([told.message.event, told.message.version, tries]).toEqual(['finished', 1, 1]);
  });

  test('is over before a message that hangs is through', async () => {
    let release = (): void => undefined;
    const gate = new Promise<void>((resolve) => (release = resolve));
    const closed: string[] = [];
    const activities: Partial<AllActivities> = {
      deliverNotification: () => gate,
      closeRun: async ({ status }) => {
        closed.push(status);
        setTimeout(release, 3_000);
      },
    };
    const { result, told } = await run('hangs', activities);
    expect(result).toMatchObject({ status: 'completed' });
    expect(closed).toEqual(['completed']);
    expect(told.deliveries.map(({ delivered }) => delivered)).toEqual([true]);
  });

  test('tells of a failure with its reason, to those who asked for failures too', async () => {
    const { result, told } = await run('fails', { ingestDataset: wrongInput });
    expect(result).toBeInstanceOf(Error);
    expect(told.message).toMatchObject({ event: 'failed', reason: expect.stringContaining('DATASET_MISSING') });
    expect(told.deliveries).toHaveLength(2);
  });
});
