/** The watch of a champion on a real Temporal server, with activities that answer at once. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { AliasChangeInput } from '../../contracts/alias-change.ts';
import { WatchOutcome } from '../../contracts/watch.ts';
import type { WatchInput } from '../../contracts/watch.ts';
import { WATCH_MODEL_WORKFLOW, retrainWorkflowId, taskQueues } from '../../workflows/workflow-ids.ts';
import { fakeActivities } from '../fakes/stage-activities.ts';
import { watchInput, workflowBench } from '../lib/workflow-bench.ts';
import type { WorkflowBench } from '../lib/workflow-bench.ts';

let bench: WorkflowBench;
beforeAll(async () => {
  bench = await workflowBench();
});
afterAll(() => bench.close());

/** What became of it, and the moves that were asked for. */
async function watch(change: Partial<WatchInput>, verdict: 'fine' | 'drifted' | 'worse' | 'roll-back') {
  const moves: AliasChangeInput[] = [];
  const activities = fakeActivities();
  const { planAliasChange, shadowEvaluate } = activities;
  activities.planAliasChange = (input) => (moves.push(input), planAliasChange(input));
  activities.shadowEvaluate = async (input) => ({ ...(await shadowEvaluate(input)), verdict });
  return bench.withWorkers(activities, async () => {
    const outcome = WatchOutcome.parse(
      await bench.client.workflow.execute(WATCH_MODEL_WORKFLOW, {
        ...{ workflowId: `watch-${verdict}`, taskQueue: taskQueues.workflow },
        args: [{ ...watchInput('watched'), ...change }],
      }),
    );
    const { retraining } = outcome;
    // The run goes on by itself.
    const run = retraining && (await bench.client.workflow.getHandle(retrainWorkflowId(retraining)).result());
    return { outcome, moves, run };
  });
}

test('rolls back where the version before is better, by graft itself and for a reason, and retrains', async () => {
  const { outcome, moves, run } = await watch({}, 'roll-back');
  const { watchId } = outcome.report;
  expect(moves).toEqual([
    {
      ...{ requestId: watchId, model: 'pets', alias: 'champion', action: 'rollback', to: 1, expected: 2 },
      ...{ actor: 'graft', reason: `version 1 is better than 2 (${watchId})`, allowClassMapChange: false },
      skipCheck: false,
    },
  ]);
  expect(outcome).toMatchObject({ rolledBackTo: 1, report: { verdict: 'roll-back' } });
  expect(run).toMatchObject({ status: 'completed', runId: outcome.retraining });
});

test('moves nothing where nobody asked it to, or where the model is only worse or the data drifted', async () => {
  expect(await watch({ rollBack: false, retrain: null }, 'roll-back')).toMatchObject({
    ...{ moves: [], outcome: { rolledBackTo: null, retraining: null } },
  });
  expect(await watch({}, 'worse')).toMatchObject({ moves: [], run: { status: 'completed' } });
  expect(await watch({}, 'fine')).toMatchObject({ moves: [], outcome: { rolledBackTo: null, retraining: null } });
});
