/**
 * Records the histories that `replay.test.ts` replays: run it (`npm run record:histories`) only when a change of the
 * workflow is meant to be incompatible with runs under way.
 */
import { writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import type { WorkflowHandle } from '@temporalio/client';
import { cancelRunSignal, trainingProgressSignal } from '../../workflows/messages.ts';
import type { retrainWorkflow } from '../../workflows/index.ts';
import { fakeActivities, progress, untilCancelled, wrongInput } from '../fakes/stage-activities.ts';
import type { AllActivities } from '../fakes/stage-activities.ts';
import { workflowBench } from '../lib/workflow-bench.ts';

type Handle = WorkflowHandle<typeof retrainWorkflow>;

const scenarios: Readonly<Record<string, { activities: AllActivities; play(handle: Handle): Promise<void> }>> = {
  completed: {
    activities: fakeActivities(),
    play: async (handle) => {
      await handle.signal(trainingProgressSignal, progress);
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

const bench = await workflowBench();
for (const [name, { activities, play }] of Object.entries(scenarios)) {
  await bench.withRun(`recorded-${name}`, activities, async (handle) => {
    await play(handle);
    const path = new URL(`./histories/retrainWorkflow-${name}.json`, import.meta.url);
    await writeFile(path, `${historyToJSON(await handle.fetchHistory())}\n`);
  });
}
await bench.close();
