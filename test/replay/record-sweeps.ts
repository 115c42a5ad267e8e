/** Records the histories of sweeps that `replay.test.ts` replays: part of `npm run record:histories`. */
import { writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { WorkflowHandle } from '@temporalio/client';
import type { SweepInput } from '../../contracts/sweep.ts';
import { methods } from '../../core/search/testing/methods.ts';
import { sweepQuery, sweepUpdate } from '../../workflows/messages.ts';
import { SWEEP_WORKFLOW, sweepWorkflowId, taskQueues } from '../../workflows/workflow-ids.ts';
import type { sweepWorkflow } from '../../workflows/index.ts';
import { untilCancelled } from '../fakes/stage-activities.ts';
import type { AllActivities } from '../fakes/stage-activities.ts';
import { sweepActivities, sweepInput } from '../lib/sweep-bench.ts';
import { workflowBench } from '../lib/workflow-bench.ts';
import { historyText } from './history-text.ts';

type Handle = WorkflowHandle<typeof sweepWorkflow>;
interface Scenario {
  readonly input: SweepInput;
  readonly activities: AllActivities;
  play(handle: Handle): Promise<unknown>;
}

const random = methods['random'] ?? { kind: 'random' };
const scenarios: Readonly<Record<string, Scenario>> = {
  // Promotions between rungs, a failed trial, changes while it runs.
  completed: {
    input: sweepInput('recorded-completed', { concurrency: 2, budget: 7 }),
    activities: sweepActivities({ failing: 0.2, pauseMs: () => 100 }),
    play: async (handle) => {
      await handle.executeUpdate(sweepUpdate, { args: [{ kind: 'budget', trials: 6 }] });
      await handle.result();
    },
  },
  cancelled: {
    input: sweepInput('recorded-cancelled', { method: random, concurrency: 2 }),
    activities: { ...sweepActivities(), trainModel: untilCancelled },
    play: async (handle) => {
      while ((await handle.query(sweepQuery)).trials.length < 2) await sleep(200);
      await handle.executeUpdate(sweepUpdate, { args: [{ kind: 'stop', reason: 'cancelled' }] });
      await handle.result();
    },
  },
  failed: {
    input: sweepInput('recorded-failed', { method: random, failuresAtMost: 0.5 }),
    activities: sweepActivities({ failing: 1 }),
    play: (handle) => handle.result().catch(() => undefined),
  },
};

const bench = await workflowBench();
for (const [name, { input, activities, play }] of Object.entries(scenarios)) {
  await bench.withWorkers(activities, async () => {
    const handle = await bench.client.workflow.start<typeof sweepWorkflow>(SWEEP_WORKFLOW, {
      taskQueue: taskQueues.workflow,
      workflowId: sweepWorkflowId(input.sweepId),
      args: [input],
    });
    await play(handle);
    const path = new URL(`./histories/sweepWorkflow-${name}.json`, import.meta.url);
    await writeFile(path, historyText(await handle.fetchHistory()));
  });
}
await bench.close();
