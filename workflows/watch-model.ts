import { ParentClosePolicy, executeChild, startChild, upsertMemo, uuid4 } from '@temporalio/workflow';
import { newRunId } from '../core/run-id.ts';
import type { RunId } from '../core/ids.ts';
import type { WatchInput, WatchOutcome, WatchReport } from '../contracts/watch.ts';
import { dataStages, evaluation } from './activity-options.ts';
import { changeAliasWorkflow } from './change-alias.ts';
import { retrainWorkflow } from './retrain.ts';
import { changeAliasWorkflowId, retrainWorkflowId, taskQueues } from './workflow-ids.ts';

/**
 * Asks the model in use about new labelled pictures. Where the version before is better on them the alias goes back to it,
 * by the same workflow as a rollback by hand; where it is worse, or the pictures are others, a retraining begins.
 */
export async function watchModelWorkflow(input: WatchInput): Promise<WatchOutcome> {
  const { model, alias, dataset, image, backbone, rules } = input;
  const watchId = newRunId(`watch-${model}`.slice(0, 40), new Date(), Number.parseInt(uuid4().slice(0, 4), 16));
  const datasetName = dataset.name ?? `${model}-watch`.slice(-63);
  const { output: read } = await dataStages.ingestDataset({ runId: watchId, dataset, datasetName });
  const { manifestKey: datasetManifestKey, quarantined } = read;
  const looked = { datasetManifestKey, quarantined, dataset, image, backbone, model, alias };
  const { findings } = (await dataStages.validateDataset(looked)).output;
  const drift = findings.filter(({ code }) => code.startsWith('DRIFT_'));
  const report = await evaluation.shadowEvaluate({ watchId, model, alias, rules, datasetManifestKey, drift });
  const outcome: WatchOutcome = {
    report,
    rolledBackTo: input.rollBack ? await rollBack(report) : null,
    retraining: report.verdict === 'fine' ? null : await retrain(input, report),
  };
  upsertMemo({ outcome: { verdict: report.verdict, reason: report.reason, rolledBackTo: outcome.rolledBackTo } });
  return outcome;
}

/** By graft itself, for a reason that the ledger keeps; null where the version before is not better. */
async function rollBack({
  verdict,
  before,
  version,
  model,
  alias,
  watchId,
  reason,
}: WatchReport): Promise<number | null> {
  if (verdict !== 'roll-back' || before === null) return null;
  const { to } = await executeChild(changeAliasWorkflow, {
    workflowId: changeAliasWorkflowId(model, alias),
    taskQueue: taskQueues.workflow,
    args: [
      {
        ...{ requestId: watchId, model, alias, action: 'rollback', to: before.version, expected: version },
        ...{ actor: 'graft', reason: `${reason} (${watchId})`, allowClassMapChange: false, skipCheck: false },
      },
    ],
  });
  return to;
}

/** An ordinary run that goes on by itself; null where none was asked for. */
async function retrain({ retrain: config, requestedBy }: WatchInput, { watchId }: WatchReport): Promise<RunId | null> {
  if (config === null) return null;
  const runId = newRunId(config.name, new Date(), Number.parseInt(uuid4().slice(0, 4), 16));
  const by = `${watchId} of ${requestedBy}`;
  await startChild(retrainWorkflow, {
    workflowId: retrainWorkflowId(runId),
    taskQueue: taskQueues.workflow,
    args: [{ runId, config, requestedBy: by }],
    memo: { name: config.name, requestedBy: by },
    parentClosePolicy: ParentClosePolicy.ABANDON,
  });
  return runId;
}
