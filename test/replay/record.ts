/**
 * Records the histories that `replay.test.ts` replays: run it (`npm run record:histories`) only when a change of the
 * workflow is meant to be incompatible with runs under way.
 */
import { writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { WorkflowHandle } from '@temporalio/client';
import { PipelineConfig } from '../../contracts/pipeline-config.ts';
import { NotifyConfig } from '../../contracts/notify-config.ts';
import type { NotifyInput } from '../../contracts/notify-config.ts';
import type { DecideInput, ScheduledRetrainInput } from '../../contracts/schedule.ts';
import type { ShadowInput } from '../../contracts/watch.ts';
import { approvalUpdate, cancelRunSignal, progressQuery, trainingProgressSignal } from '../../workflows/messages.ts';
import type { retrainWorkflow } from '../../workflows/index.ts';
import { fakeActivities, progress, untilCancelled, wrongInput } from '../fakes/stage-activities.ts';
import type { AllActivities } from '../fakes/stage-activities.ts';
import { importInput, manualInput, retrainInput, watchInput, workflowBench } from '../lib/workflow-bench.ts';
import type { ConfigChange } from '../lib/workflow-bench.ts';
import { taskQueues } from '../../workflows/workflow-ids.ts';
import { historyText } from './history-text.ts';

type Handle = WorkflowHandle<typeof retrainWorkflow>;

interface Scenario {
  readonly activities: AllActivities;
  readonly change?: ConfigChange;
  play(handle: Handle): Promise<void>;
}

const scenarios: Readonly<Record<string, Scenario>> = {
  completed: {
    activities: fakeActivities(),
    play: async (handle) => {
      await handle.signal(trainingProgressSignal, progress);
      await handle.result();
    },
  },
  'from-champion': {
    activities: fakeActivities(),
    change: { model: { weights: 'champion', strategy: 'full' }, dataset: { recent: { images: 7 } } },
    play: async (handle) => {
      await handle.result();
    },
  },
  cancelled: {
    activities: fakeActivities({ trainModel: untilCancelled }),
    play: async (handle) => {
      await sleep(1500);
      await handle.signal(cancelRunSignal, { reason: 'recorded' });
      await handle.result();
    },
  },
  failed: {
    activities: fakeActivities({ ingestDataset: wrongInput }),
    play: async (handle) => {
      await handle.result().catch(() => undefined);
    },
  },
};

/** Runs whose promotion waits for a person. */
const waiting: Readonly<
  Record<string, { approvals: Readonly<Record<string, unknown>>; play(handle: Handle): Promise<void> }>
> = {
  approved: {
    approvals: { remindAfterHours: 0.0005 },
    play: async (handle) => {
      while ((await handle.query(progressQuery)).approval === undefined) await sleep(200);
      await sleep(4000);
      const answer = { decision: 'approve', by: 'anna', reason: 'recorded', via: 'command' } as const;
      await handle.executeUpdate(approvalUpdate, { args: [answer] });
      await handle.result();
    },
  },
  unanswered: {
    approvals: { timeoutHours: 0.0005 },
    play: async (handle) => {
      await handle.result();
    },
  },
};

const { config } = retrainInput('recorded');
const scheduled: ScheduledRetrainInput = {
  ...{ scheduleId: 'recorded', config, requestedBy: 'tester', cron: [] },
  trigger: { kind: 'changed' },
};
const notified: NotifyInput = {
  message: {
    ...{ kind: 'graft.notification/1', event: 'finished', runId: 'recorded', pipeline: 'pets', model: 'pets' },
    ...{ version: 1, alias: 'champion', promoted: true, accuracy: 0.9, reason: 'recorded', requestedBy: 'tester' },
    at: '2026-01-01T00:00:00.000Z',
  },
  targets: NotifyConfig.parse([{ kind: 'slack' }]),
};

/** Ends of the smaller workflows: what their activities do, and whether somebody cancels. */
const others: Readonly<Record<string, { activities: AllActivities; input: unknown; cancel?: boolean }>> = {
  'scheduledRetrainWorkflow-completed': { activities: fakeActivities(), input: scheduled },
  'scheduledRetrainWorkflow-skipped': { activities: fakeActivities({ decideRetraining: skips }), input: scheduled },
  'scheduledRetrainWorkflow-cancelled': {
    activities: fakeActivities({ trainModel: untilCancelled }),
    input: scheduled,
    cancel: true,
  },
  'scheduledRetrainWorkflow-failed': { activities: fakeActivities({ ingestDataset: wrongInput }), input: scheduled },
  'importDatasetWorkflow-completed': { activities: fakeActivities(), input: importInput('recorded') },
  'importDatasetWorkflow-cancelled': {
    activities: fakeActivities({ ingestDataset: untilCancelled }),
    input: importInput('recorded'),
    cancel: true,
  },
  'importDatasetWorkflow-failed': {
    activities: fakeActivities({ ingestDataset: wrongInput }),
    input: importInput('recorded'),
  },
  'watchModelWorkflow-completed': { activities: fakeActivities(), input: watchInput('recorded') },
  'watchModelWorkflow-fine': { activities: fakeActivities({ shadowEvaluate: isFine }), input: watchInput('recorded') },
  'watchModelWorkflow-cancelled': {
    activities: fakeActivities({ shadowEvaluate: untilCancelled }),
    input: watchInput('recorded'),
    cancel: true,
  },
  'watchModelWorkflow-failed': {
    activities: fakeActivities({ shadowEvaluate: wrongInput }),
    input: watchInput('recorded'),
  },
  'notifyWorkflow-completed': { activities: fakeActivities(), input: notified },
  'notifyWorkflow-undelivered': { activities: fakeActivities({ deliverNotification: wrongInput }), input: notified },
  'notifyWorkflow-cancelled': {
    activities: fakeActivities({ deliverNotification: untilCancelled }),
    input: notified,
    cancel: true,
  },
  'notifyWorkflow-failed': { activities: fakeActivities({ recordNotifications: wrongInput }), input: notified },
};

async function isFine(input: ShadowInput) {
  return { ...(await fakeActivities().shadowEvaluate(input)), verdict: 'fine' as const };
}

async function skips({ input: { scheduleId }, runId, datasetVersion, datasetManifestKey }: DecideInput) {
  const decision = await fakeActivities().decideRetraining({
    input: scheduled,
    ...{ runId, datasetVersion, datasetManifestKey },
  });
  return { ...decision, scheduleId, decision: 'skip' as const, reason: 'nothing changed' };
}

/** Names of workflows to record (`npm run record:histories -- notifyWorkflow`); all of them where none is given. */
const wanted = process.argv.slice(2);
const isWanted = (workflow: string): boolean => wanted.length === 0 || wanted.includes(workflow);
const save = async (name: string, handle: WorkflowHandle): Promise<void> => {
  const path = new URL(`./histories/${name}.json`, import.meta.url);
  await writeFile(path, historyText(await handle.fetchHistory()));
};

const bench = await workflowBench();
for (const [name, { activities, play, change }] of Object.entries(scenarios)) {
  if (!isWanted('retrainWorkflow') && !wanted.includes(`retrainWorkflow-${name}`)) continue;
  const body = async (handle: Handle): Promise<void> => {
    await play(handle);
    await save(`retrainWorkflow-${name}`, handle);
  };
  await bench.withRun(retrainInput(`recorded-${name}`, change), activities, body);
}
const isManual = wanted.includes('retrainWorkflow-manual') || wanted.length === 0;
for (const [name, { approvals, play }] of Object.entries(isManual ? waiting : {})) {
  await bench.withRun(manualInput(`recorded-${name}`, approvals), fakeActivities(), async (handle) => {
    await play(handle);
    await save(`retrainWorkflow-${name}`, handle);
  });
}
if (isWanted('retrainWorkflow-settled')) {
  const input = { ...retrainInput('recorded-settled') };
  const asked = { ...input, config: PipelineConfig.parse({ ...input.config, auto: ['train.optimizer.learningRate'] }) };
  await bench.withRun(asked, fakeActivities(), async (handle) => {
    await handle.result();
    await save('retrainWorkflow-settled', handle);
  });
}
for (const [name, { activities, input, cancel }] of Object.entries(others)) {
  const [workflow = ''] = name.split('-');
  if (!isWanted(workflow)) continue;
  await bench.withWorkers(activities, async () => {
    const options = { taskQueue: taskQueues.workflow, workflowId: `recorded-${name}`, args: [input] };
    const handle = await bench.client.workflow.start(workflow, options);
    if (cancel === true) {
      await sleep(3000);
      await handle.cancel();
    }
    await handle.result().catch(() => undefined);
    await save(name, handle);
  });
}
await bench.close();
