import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import lockfile from 'proper-lockfile';
import { errnoOf, transientError } from '../../core/errors.ts';
import { fileProblem, makeFolder } from './files.ts';

interface LockOptions {
  /** Called once, when another process has the lock. */
  readonly onWait?: () => void;
  readonly signal?: AbortSignal;
  /** A lock not renewed for so long belongs to a dead process. */
  readonly staleMs?: number;
  readonly pollMs?: number;
}

/**
 * Runs `work` while holding `<path>.lock`, waiting for whoever has it; a lock whose process died is taken over after
 * `staleMs`. `work` gets a signal that aborts if the lock is lost (this process was frozen for longer than that).
 */
export async function withLock<T>(
  path: string,
  work: (signal: AbortSignal) => Promise<T>,
  options: LockOptions = {},
): Promise<T> {
  const lost = new AbortController();
  const signal = options.signal === undefined ? lost.signal : AbortSignal.any([options.signal, lost.signal]);
  await makeFolder(dirname(path));
  const release = await acquire(path, options, () => {
    lost.abort(transientError('LOCK_LOST', path, 'this process stood still too long', undefined, 'repeat'));
  });
  try {
    return await work(signal);
  } finally {
    // A lost lock can't be released, and needs not be.
    await release().catch(() => undefined);
  }
}

async function acquire(path: string, options: LockOptions, onLost: () => void): Promise<() => Promise<void>> {
  const stale = options.staleMs ?? 15_000;
  for (let first = true; ; first = false) {
    options.signal?.throwIfAborted();
    try {
      return await lockfile.lock(path, { realpath: false, stale, update: stale / 6, onCompromised: onLost });
    } catch (error) {
      if (errnoOf(error) !== 'ELOCKED') throw fileProblem(error, `${path}.lock`);
    }
    if (first) options.onWait?.();
    await sleep(options.pollMs ?? 500, undefined, options.signal === undefined ? {} : { signal: options.signal });
  }
}
