import { proxyActivities } from '@temporalio/workflow';
import type { ActivityOptions } from '@temporalio/workflow';
import type {
  AliasActivities,
  DataActivities,
  EvaluateActivities,
  NotifyActivities,
  PromotionActivities,
  RunActivities,
  SweepActivities,
  ScheduleActivities,
  ShadowActivities,
  TrainActivities,
} from '../activities/index.ts';
import { taskQueues } from './workflow-ids.ts';

/**
 * Retries go on for a day with growing pauses: a server that is away for an hour must not cost a run. Errors that no
 * retry can mend are marked non-retryable where they are thrown (activities/lib/error-boundary.ts).
 */
const patientRetry: NonNullable<ActivityOptions['retry']> = {
  initialInterval: '1 second',
  backoffCoefficient: 2,
  maximumInterval: '1 minute',
};

/** A lost worker is noticed after `heartbeatTimeout`; data stages beat every few seconds. */
export const dataStages = proxyActivities<DataActivities>({
  taskQueue: taskQueues.data,
  startToCloseTimeout: '7 days',
  heartbeatTimeout: '30 seconds',
  cancellationType: 'WAIT_CANCELLATION_COMPLETED',
  retry: patientRetry,
});

/** Bookkeeping: small reads and writes. */
export const bookkeeping = proxyActivities<
  RunActivities & PromotionActivities & SweepActivities & Pick<AliasActivities, 'planAliasChange' | 'applyAliasChange'>
>({
  taskQueue: taskQueues.data,
  startToCloseTimeout: '5 minutes',
  // A worker that dies in the middle of a promotion held it up for those five minutes.
  heartbeatTimeout: '30 seconds',
  retry: patientRetry,
});

/** Training may take a month; what a crash costs is bounded by the checkpoint interval, not by the timeout. */
export const training = proxyActivities<TrainActivities>({
  taskQueue: taskQueues.train,
  startToCloseTimeout: '60 days',
  heartbeatTimeout: '20 seconds',
  cancellationType: 'WAIT_CANCELLATION_COMPLETED',
  // A killed trainer is started again soon, however often it was: the fence gives up on one that gets no further.
  retry: { ...patientRetry, maximumInterval: '10 seconds' },
});

/** On the data queue: a short evaluation must not wait behind somebody else's long training. */
export const evaluation = proxyActivities<
  EvaluateActivities & ShadowActivities & Pick<AliasActivities, 'checkModelVersion'>
>({
  taskQueue: taskQueues.data,
  startToCloseTimeout: '1 day',
  heartbeatTimeout: '30 seconds',
  cancellationType: 'WAIT_CANCELLATION_COMPLETED',
  retry: patientRetry,
});

/** Comparing two data sets reads both lists. */
export const scheduling = proxyActivities<ScheduleActivities>({
  taskQueue: taskQueues.data,
  startToCloseTimeout: '1 day',
  heartbeatTimeout: '30 seconds',
  cancellationType: 'WAIT_CANCELLATION_COMPLETED',
  retry: patientRetry,
});

/** Whoever is away for a day is given up on. */
export const notifying = proxyActivities<NotifyActivities>({
  taskQueue: taskQueues.data,
  startToCloseTimeout: '90 seconds',
  scheduleToCloseTimeout: '1 day',
  retry: { ...patientRetry, maximumInterval: '10 minutes' },
});
