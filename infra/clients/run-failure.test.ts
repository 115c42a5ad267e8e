import { WorkflowFailedError } from '@temporalio/client';
import {
  ActivityFailure,
  ApplicationFailure,
  CancelledFailure,
  RetryState,
  TerminatedFailure,
} from '@temporalio/common';
import { describe, expect, it } from 'vitest';
import { inputError } from '../../core/errors.ts';
import { exitCodeOf } from '../../cli/output.ts';
import { explainFailure } from './run-failure.ts';

const failed = (cause: Error): WorkflowFailedError =>
  new WorkflowFailedError('Workflow execution failed', cause, RetryState.NON_RETRYABLE_FAILURE);
const inActivity = (cause: Error): Error =>
  new ActivityFailure('Activity task failed', 'ingestDataset', '1', RetryState.NON_RETRYABLE_FAILURE, 'worker', cause);

describe('explainFailure', () => {
  it('gives back the error as it was thrown, with its kind', () => {
    const original = inputError('DATASET_SPLIT', 'images', 'one class only', 'two or more', 'add another folder');
    const failure = ApplicationFailure.nonRetryable(original.message, original.code, {
      code: original.code,
      ...original.parts,
    });
    const error = explainFailure(failed(inActivity(failure)), 'digits-1');
    expect(error).toMatchObject({ code: 'DATASET_SPLIT', kind: 'input', message: original.message });
    expect(exitCodeOf(error)).toBe(2);
  });

  it.each<[string, Error, string, number]>([
    [
      'a failure without details',
      failed(inActivity(ApplicationFailure.retryable('x is undefined', 'TypeError'))),
      'RUN_FAILED: run digits-1 — TypeError: x is undefined — see graft runs show digits-1',
      3,
    ],
    [
      'details of another form',
      failed(inActivity(ApplicationFailure.nonRetryable('odd', 'ODD', { kind: 'what' }))),
      'RUN_FAILED: run digits-1 — ODD: odd — see graft runs show digits-1',
      3,
    ],
    [
      'a termination',
      failed(new TerminatedFailure('by hand')),
      'RUN_TERMINATED: run digits-1 — terminated from outside — graft runs resume digits-1 goes on from its last checkpoint',
      3,
    ],
    [
      'a cancellation',
      failed(new CancelledFailure('stop')),
      'RUN_CANCELLED: run digits-1 — stopped on request — graft runs resume digits-1 goes on from its last checkpoint',
      130,
    ],
    ['anything else', new Error('socket'), 'RUN_FAILED: run digits-1 — socket — see graft runs show digits-1', 3],
  ])('puts %s into words', (_name, thrown, message, code) => {
    const error = explainFailure(thrown, 'digits-1');
    expect(error.message).toBe(message);
    expect(exitCodeOf(error)).toBe(code);
  });
});
