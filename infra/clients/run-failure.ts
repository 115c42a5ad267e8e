import { WorkflowFailedError } from '@temporalio/client';
import { ApplicationFailure, CancelledFailure, TerminatedFailure, TimeoutFailure } from '@temporalio/common';
import { z } from 'zod';
import { GraftError, messageOf } from '../../core/errors.ts';

/** What an activity's failure carries in its details (activities/lib/error-boundary.ts). */
const FailureDetails = z.object({
  code: z.string(),
  kind: z.enum(['input', 'transient', 'failed', 'cancelled']),
  where: z.string(),
  seen: z.string(),
  expected: z.string().optional(),
  remedy: z.string().optional(),
});

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
  const details = FailureDetails.safeParse(failure.details?.[0]);
  if (!details.success) {
    const seen = failure.type && failure.type !== 'Error' ? `${failure.type}: ${failure.message}` : failure.message;
    return new GraftError('RUN_FAILED', { kind: 'failed', where, seen, remedy }, { cause: failure });
  }
  const { code, expected, remedy: known, ...parts } = details.data;
  return new GraftError(
    code,
    { ...parts, ...(expected === undefined ? {} : { expected }), ...(known === undefined ? {} : { remedy: known }) },
    { cause: failure },
  );
}
