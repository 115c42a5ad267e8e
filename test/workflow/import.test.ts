/** `graft data import` on a real Temporal server: what its workflow asks of the activities, and how it ends. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fakeActivities, untilCancelled, wrongInput } from '../fakes/stage-activities.ts';
import type { AllActivities } from '../fakes/stage-activities.ts';
import { importInput, workflowBench } from '../lib/workflow-bench.ts';
import type { WorkflowBench } from '../lib/workflow-bench.ts';
import { IMPORT_WORKFLOW, importWorkflowId, taskQueues } from '../../workflows/workflow-ids.ts';

let bench: WorkflowBench;
beforeAll(async () => {
  bench = await workflowBench();
});
afterAll(() => bench.close());

/** What the import ends with: its result, or the error. */
async function importing(name: string, overrides: Partial<AllActivities>, cancel = false): Promise<unknown> {
  const input = importInput(name);
  return bench.withWorkers(fakeActivities(overrides), async () => {
    const handle = await bench.client.workflow.start(IMPORT_WORKFLOW, {
      taskQueue: taskQueues.workflow,
      workflowId: importWorkflowId(input.importId),
      args: [input],
    });
    if (cancel) {
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      await handle.cancel();
    }
    return handle.result().catch((error: unknown) => error);
  });
}

describe('importDatasetWorkflow', () => {
  test('reads in shares, then validates what was read', async () => {
    const seen: string[] = [];
    const { ingestDataset, validateDataset, readShare } = fakeActivities();
    const result = await importing('done', {
      readShare: async (input) => (seen.push(`share ${input.share.index}`), readShare(input)),
      ingestDataset: async (input) => (seen.push(`ingest ${input.task ?? ''}`), ingestDataset(input)),
      validateDataset: async (input) => (seen.push(`validate ${input.datasetManifestKey}`), validateDataset(input)),
    });
    expect(seen.sort()).toEqual(['ingest auto', 'share 0', 'share 1', 'validate datasets/pets/d/manifest.json']);
    expect(result).toMatchObject({ name: 'pets', images: 100, quarantined: 0, cached: false, findings: [] });
  });

  test('fails with what was wrong, without another try', async () => {
    let tries = 0;
    const error = await importing('wrong', { ingestDataset: () => (tries++, wrongInput()) });
    expect(tries).toBe(1);
    expect(JSON.stringify(error)).toContain('DATASET_MISSING');
  });

  test('can be cancelled while it reads', async () => {
    const error = await importing('cancelled', { ingestDataset: untilCancelled }, true);
    expect(error).toMatchObject({ name: 'WorkflowFailedError', cause: { name: 'CancelledFailure' } });
  });
});
