import { WorkflowFailedError } from '@temporalio/client';
import { ApplicationFailure, CancelledFailure, TerminatedFailure, TimeoutFailure } from '@temporalio/common';
import { GraftError, messageOf } from '../../core/errors.ts';
import { applicationError } from '../../infra/temporal/application-error.ts';

/** The error that ended a run, as it was thrown where it happened; its kind decides the exit code. */
export function explainFailure(error: unknown, runId: string): GraftError {
  const where = `run ${runId}`;
  const remedy = `see graft runs show ${runId}`;
  for (let current = error, depth = 0; current instanceof Error && depth < 10; current = current.cause, depth++) {
    if (current instanceof ApplicationFailure) return fromApplication(current, where, remedy);
    if (current instanceof CancelledFailure) return cancelledError(runId);
    if (current instanceof TerminatedFailure) {
      const again = `graft runs resume ${runId} goes on from its last checkpoint`;
      return new GraftError('RUN_TERMINATED', {
        kind: 'failed',
        where,
        seen: 'terminated from outside',
        remedy: again,
      });
    }
    if (current instanceof TimeoutFailure) {
      return new GraftError('RUN_TIMEOUT', {
        kind: 'failed',
        where,
        seen: `timed out (${current.timeoutType})`,
        remedy,
      });
    }
  }
  const cause = error instanceof WorkflowFailedError ? (error.cause ?? error) : error;
  return new GraftError('RUN_FAILED', { kind: 'failed', where, seen: messageOf(cause), remedy }, { cause: error });
}

export function cancelledError(runId: string): GraftError {
  const remedy = `graft runs resume ${runId} goes on from its last checkpoint`;
  return new GraftError('RUN_CANCELLED', {
    kind: 'cancelled',
    where: `run ${runId}`,
    seen: 'stopped on request',
    remedy,
  });
}

function fromApplication(failure: ApplicationFailure, where: string, remedy: string): GraftError {
  const known = applicationError(failure);
  if (known) return known;
  const seen = failure.type && failure.type !== 'Error' ? `${failure.type}: ${failure.message}` : failure.message;
  return new GraftError('RUN_FAILED', { kind: 'failed', where, seen, remedy }, { cause: failure });
}
