/** Records the histories of `changeAliasWorkflow` that `replay.test.ts` replays (`npm run record:histories` for runs). */
import { writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { WorkflowHandle } from '@temporalio/client';
import type { changeAliasWorkflow } from '../../workflows/index.ts';
import { fakeActivities, untilCancelled, wrongInput } from '../fakes/stage-activities.ts';
import type { AllActivities } from '../fakes/stage-activities.ts';
import { aliasChange, workflowBench } from '../lib/workflow-bench.ts';
import { historyText } from './history-text.ts';

type Handle = WorkflowHandle<typeof changeAliasWorkflow>;

const ended = async (handle: Handle): Promise<void> => {
  await handle.result().catch(() => undefined);
};
const scenarios: Readonly<Record<string, { activities: AllActivities; play(handle: Handle): Promise<void> }>> = {
  completed: { activities: fakeActivities(), play: ended },
  cancelled: {
    activities: fakeActivities({ checkModelVersion: untilCancelled }),
    play: async (handle) => {
      await sleep(3000);
      await handle.cancel();
      await ended(handle);
    },
  },
  failed: { activities: fakeActivities({ planAliasChange: wrongInput }), play: ended },
};

const bench = await workflowBench();
for (const [name, { activities, play }] of Object.entries(scenarios)) {
  await bench.withAliasChange(aliasChange(`recorded-${name}`), activities, async (handle) => {
    await play(handle);
    const path = new URL(`./histories/changeAliasWorkflow-${name}.json`, import.meta.url);
    await writeFile(path, historyText(await handle.fetchHistory()));
  });
}
await bench.close();
