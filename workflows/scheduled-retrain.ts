import { ParentClosePolicy, executeChild, isCancellation, upsertMemo, uuid4 } from '@temporalio/workflow';
import { newRunId } from '../core/run-id.ts';
import type { RunId } from '../core/ids.ts';
import type { RunReport } from '../contracts/run.ts';
import type { ScheduleDecision, ScheduledOutcome, ScheduledRetrainInput } from '../contracts/schedule.ts';
import { dataStages, scheduling } from './activity-options.ts';
import { retrainWorkflow } from './retrain.ts';
import { retrainWorkflowId, taskQueues } from './workflow-ids.ts';

/**
 * A tick of a schedule: looks at the data first, and trains only where the trigger says so. The training is an ordinary
 * run, a child of this workflow: to cancel the one (as the overlap policy may) is to cancel the other, and a tick that
 * is terminated asks its run to stop, with a last checkpoint.
 */
export async function scheduledRetrainWorkflow(input: ScheduledRetrainInput): Promise<ScheduledOutcome> {
  const { config } = input;
  const runId = newRunId(config.name, new Date(), Number.parseInt(uuid4().slice(0, 4), 16));
  let decided: ScheduleDecision | null = null;
  try {
    decided = await look(input, runId);
    if (decided.decision === 'skip') return tell(outcomeOf(decided, runId, 'skipped'));
    tell(outcomeOf(decided, runId, 'running'));
    const { status } = await train(input, runId);
    if (status === 'completed') await scheduling.recordRetraining(decided);
    return tell(outcomeOf(decided, runId, status));
  } catch (error) {
    const status = isCancellation(error) ? 'cancelled' : 'failed';
    const outcome = tell(outcomeOf(decided, runId, status));
    if (status === 'cancelled') return outcome;
    throw error;
  }
}

async function look(input: ScheduledRetrainInput, runId: RunId): Promise<ScheduleDecision> {
  const { config } = input;
  const datasetName = config.dataset.name ?? config.name;
  const { output } = await dataStages.ingestDataset({ runId, dataset: config.dataset, datasetName });
  const { version: datasetVersion, manifestKey: datasetManifestKey } = output;
  return scheduling.decideRetraining({ input, runId, datasetVersion, datasetManifestKey });
}

function train({ scheduleId, config, requestedBy }: ScheduledRetrainInput, runId: RunId): Promise<RunReport> {
  const by = `schedule ${scheduleId} of ${requestedBy}`;
  return executeChild(retrainWorkflow, {
    workflowId: retrainWorkflowId(runId),
    taskQueue: taskQueues.workflow,
    args: [{ runId, config, requestedBy: by }],
    memo: { name: config.name, requestedBy: by },
    parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
    cancellationType: 'WAIT_CANCELLATION_COMPLETED',
  });
}

function outcomeOf(
  decided: ScheduleDecision | null,
  runId: RunId,
  status: ScheduledOutcome['status'],
): ScheduledOutcome {
  return {
    decision: decided?.decision ?? null,
    reason: decided?.reason ?? 'the data could not be read',
    runId,
    status,
  };
}

/** Lists show the outcome without asking the workflow. */
function tell(outcome: ScheduledOutcome): ScheduledOutcome {
  upsertMemo({ outcome });
  return outcome;
}
