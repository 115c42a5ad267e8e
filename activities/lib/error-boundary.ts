import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { GraftError } from '../../core/errors.ts';
import { currentActivity, keepBeating } from './activity-context.ts';
import type { RunningActivity } from './activity-context.ts';

/**
 * The error boundary (docs/adr/0001): inside, errors are GraftErrors; at an activity's edge they become
 * ApplicationFailures whose type is the code and whose details are the parts, so that the command line can show them.
 * Until then it beats, so that a worker's death is noticed at once.
 * Input errors and failed runs are not retried; what is transient, and what nobody foresaw, is.
 */
export function atActivityEdge<Input, Output>(
  activity: (input: Input) => Promise<Output>,
): (input: Input) => Promise<Output> {
  return async (input) => {
    const rest = keepBeating();
    try {
      return await activity(input);
    } catch (error) {
      throw toFailure(error, currentActivity());
    } finally {
      rest();
    }
  };
}

function toFailure(error: unknown, activity: RunningActivity): unknown {
  if (error instanceof CancelledFailure || error instanceof ApplicationFailure) return error;
  if (activity.signal.aborted) return stoppedByRequest(activity);
  if (!(error instanceof GraftError)) return error;
  return ApplicationFailure.create({
    message: error.message,
    type: error.code,
    nonRetryable: error.kind !== 'transient',
    details: [{ code: error.code, ...error.parts }],
    cause: error,
  });
}

/** How an activity ends that was asked to stop: cancelled for good, or to be taken up by another worker. */
export function stoppedByRequest(activity: RunningActivity): Error {
  if (activity.abortReason() === 'worker-shutdown') {
    return ApplicationFailure.retryable('the worker is shutting down; another one goes on', 'WORKER_SHUTDOWN');
  }
  return new CancelledFailure('stopped on request');
}
