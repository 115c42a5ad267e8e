import { ActivityCancellationDetails, ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { describe, expect, it, vi } from 'vitest';
import { failedError, GraftError, inputError, transientError } from '../../core/errors.ts';
import { mockActivity } from '../../test/fakes/mock-activity.ts';
import { currentActivity } from './activity-context.ts';
import { atActivityEdge } from './error-boundary.ts';
import { failureOf } from './ml-failure.ts';

/** What leaves the activity where `error` was thrown inside. */
async function atEdge(error: unknown, env = mockActivity(), before: () => void = () => undefined): Promise<unknown> {
  const activity = atActivityEdge((): Promise<void> => {
    before();
    return Promise.reject(error instanceof Error ? error : new Error(String(error)));
  });
  return env.run(activity, undefined).then(
    () => 'nothing',
    (failure: unknown) => failure,
  );
}

describe('the edge of an activity', () => {
  it('lets results through', async () => {
    expect(await atActivityEdge((input: number) => Promise.resolve(input + 1))(1)).toBe(2);
  });

  it('says again what was said last while the activity goes on, and nothing after', async () => {
    vi.useFakeTimers();
    try {
      const env = mockActivity();
      const beats: unknown[] = [];
      env.on('heartbeat', (details: unknown) => beats.push(details));
      const activity = atActivityEdge(async (): Promise<void> => {
        await vi.advanceTimersByTimeAsync(5_000);
        currentActivity().heartbeat('half');
        await vi.advanceTimersByTimeAsync(10_000);
      });
      await env.run(activity, undefined);
      await vi.advanceTimersByTimeAsync(60_000);
      expect(beats).toEqual([undefined, 'half', 'half', 'half']);
    } finally {
      vi.useRealTimers();
    }
  });

  it.each([
    [inputError('IMAGE_EMPTY', 'a.jpg', '0 bytes', 'an image', 'remove it'), true],
    [failedError('TRAIN_NONFINITE', 'step 3', 'the loss is NaN'), true],
    [new GraftError('CANCELLED', { kind: 'cancelled', where: 'x', seen: 'aborted' }), true],
    [transientError('STORE_BUSY', 's3://b/k', '503', undefined, undefined, new Error('socket')), false],
  ])('marks %s as not to be retried: %s', async (error, nonRetryable) => {
    const failure = await atEdge(error);
    expect(failure).toBeInstanceOf(ApplicationFailure);
    expect(failure).toMatchObject({
      type: error.code,
      message: error.message,
      nonRetryable,
      details: [{ code: error.code, ...error.parts }],
      cause: error,
    });
  });

  it('leaves alone what nobody foresaw, and what is a failure already', async () => {
    const bug = new TypeError('x is not a function');
    expect(await atEdge(bug)).toBe(bug);
    const failure = ApplicationFailure.nonRetryable('known');
    expect(await atEdge(failure)).toBe(failure);
    const cancelled = new CancelledFailure('known');
    expect(await atEdge(cancelled)).toBe(cancelled);
  });

  it('takes whatever is thrown after a cancel for the cancel', async () => {
    const env = mockActivity();
    const failure = await atEdge(transientError('STORE_TIMEOUT', 'x', 'y'), env, () => env.cancel());
    expect(failure).toBeInstanceOf(CancelledFailure);
  });

  it('hands the work of a worker that goes to another one', async () => {
    const env = mockActivity();
    const details = new ActivityCancellationDetails({ workerShutdown: true });
    const failure = await atEdge(new Error('aborted'), env, () => env.cancel('WORKER_SHUTDOWN', details));
    expect(failure).toMatchObject({ type: 'WORKER_SHUTDOWN', nonRetryable: false });
  });
});

describe('an error of a child process', () => {
  it('is the error that was thrown there, its stack included', () => {
    const there = inputError('MODEL_WEIGHTS', 'w.pth', 'absent', 'a tensor', 'use another file');
    const { kind: errorKind, ...parts } = there.parts;
    const event = { kind: 'failed' as const, code: there.code, errorKind, ...parts, stack: 'the stack' };
    const here = failureOf(event);
    expect(here).toMatchObject({
      code: 'MODEL_WEIGHTS',
      message: there.message,
      parts: there.parts,
      stack: 'the stack',
    });
    const { expected: _, remedy: __, stack: ___, ...short } = event;
    expect(failureOf(short).message).toBe('MODEL_WEIGHTS: w.pth — absent');
  });
});
