import type { RunId } from '../core/ids.ts';

/** One workflow id per run: a resumed run continues under the same id, and two at once are impossible. */
export const retrainWorkflowId = (runId: RunId): string => `graft-run-${runId}`;

export const RETRAIN_WORKFLOW = 'retrainWorkflow';

/** Queues by need: workflows and data on CPU machines, training where the device is. */
export const taskQueues = {
  workflow: 'graft-workflow',
  data: 'graft-data',
  train: 'graft-train',
} as const;
export type QueueRole = keyof typeof taskQueues;
