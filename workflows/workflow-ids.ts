import { asRunId } from '../core/ids.ts';
import type { RunId } from '../core/ids.ts';

/** One workflow id per run: a resumed run continues under the same id, and two at once are impossible. */
export const retrainWorkflowId = (runId: RunId): string => `graft-run-${runId}`;

export const RETRAIN_WORKFLOW = 'retrainWorkflow';

export const SWEEP_WORKFLOW = 'sweepWorkflow';

export const sweepWorkflowId = (sweepId: RunId): string => `graft-sweep-${sweepId}`;

/** A trial's run: its parts are executions of one workflow id, as those of a run that is resumed. */
export const trialRunId = (sweepId: RunId, trial: number): RunId =>
  asRunId(`${sweepId}-t${String(trial).padStart(4, '0')}`);
/** One at a time for an alias: a second is refused while the first runs. */
export const changeAliasWorkflowId = (model: string, alias: string): string => `graft-alias-${model}-${alias}`;

export const CHANGE_ALIAS_WORKFLOW = 'changeAliasWorkflow';

/** `graft data import`: one execution for each time that it is asked for. */
export const importWorkflowId = (importId: RunId): string => `graft-import-${importId}`;
export const IMPORT_WORKFLOW = 'importDatasetWorkflow';

/** `graft models watch`: asks the model in use about new pictures; on a schedule, one for an alias. */
export const WATCH_MODEL_WORKFLOW = 'watchModelWorkflow';
export const watchScheduleId = (model: string, alias: string): string => `graft-watch-${model}-${alias}`;

/** What a schedule starts; its ticks have the schedule's id and the time as their workflow ids. */
export const SCHEDULED_RETRAIN_WORKFLOW = 'scheduledRetrainWorkflow';
export const scheduleIdInTemporal = (scheduleId: string): string => `graft-schedule-${scheduleId}`;

/** Queues by need: workflows and data on CPU machines, training where the device is. */
export const taskQueues = {
  workflow: 'graft-workflow',
  data: 'graft-data',
  train: 'graft-train',
} as const;
export type QueueRole = keyof typeof taskQueues;
