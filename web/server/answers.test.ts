import { describe, expect, it } from 'vitest';
import { failedError, inputError, transientError } from '../../core/errors.ts';
import { statusOf } from './answers.ts';

describe('what an error is over HTTP', () => {
  it.each([
    [inputError('RUN_NOT_FOUND', 'x', 'y'), 404],
    [inputError('REQUEST_QUERY', 'x', 'y'), 400],
    [inputError('ALIAS_MOVED', 'x', 'y'), 409],
    [inputError('ALIAS_BUSY', 'x', 'y'), 409],
    [inputError('APPROVAL_DECIDED', 'x', 'y'), 409],
    [inputError('APPROVAL_NOT_ALLOWED', 'x', 'y'), 403],
    [inputError('IMAGE_CORRUPT', 'x', 'y'), 422],
    [inputError('STORE_DENIED', 'x', 'y'), 503],
    [transientError('TEMPORAL_UNREACHABLE', 'x', 'y'), 503],
    [failedError('EVALUATE_OUTPUT', 'x', 'y'), 502],
  ])('%s', (error, status) => {
    expect(statusOf(error)).toBe(status);
  });
});
