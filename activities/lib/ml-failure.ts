import type { MlEvent } from '../../contracts/ml-protocol.ts';
import { GraftError } from '../../core/errors.ts';

/** The error that a child process reported, as it was thrown there. */
export function failureOf(event: Extract<MlEvent, { kind: 'failed' }>): GraftError {
  const { code, errorKind, where, seen, expected, remedy } = event;
  const error = new GraftError(code, {
    kind: errorKind,
    where,
    seen,
    ...(expected === undefined ? {} : { expected }),
    ...(remedy === undefined ? {} : { remedy }),
  });
  if (event.stack !== undefined) error.stack = event.stack;
  return error;
}
