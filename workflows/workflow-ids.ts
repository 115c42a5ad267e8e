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

/** Queues by need: workflows and data on CPU machines, training where the device is. */
export const taskQueues = {
  workflow: 'graft-workflow',
  data: 'graft-data',
  train: 'graft-train',
} as const;
export type QueueRole = keyof typeof taskQueues;
