import { ApplicationFailure } from '@temporalio/common';
import { z } from 'zod';
import { GraftError } from '../../core/errors.ts';

/** What an activity's or an update's failure carries in its details (activities/lib/error-boundary.ts). */
const FailureDetails = z.object({
  code: z.string(),
  kind: z.enum(['input', 'transient', 'failed', 'cancelled']),
  where: z.string(),
  seen: z.string(),
  expected: z.string().optional(),
  remedy: z.string().optional(),
});

/** The error as it was thrown where it happened; null for a failure that graft did not throw. */
export function applicationError(failure: unknown): GraftError | null {
  if (!(failure instanceof ApplicationFailure)) return null;
  const details = FailureDetails.safeParse(failure.details?.[0]);
  if (!details.success) return null;
  const { code, expected, remedy, ...parts } = details.data;
  const given = { ...(expected === undefined ? {} : { expected }), ...(remedy === undefined ? {} : { remedy }) };
  return new GraftError(code, { ...parts, ...given }, { cause: failure });
}
