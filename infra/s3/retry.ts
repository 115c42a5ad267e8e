import { setTimeout as sleep } from 'node:timers/promises';
import type { S3Retry } from './options.ts';

/** What to do after a failed attempt: give up with `error`, or try again, no sooner than `waitMs`. */
export type Verdict =
  { readonly kind: 'give-up'; readonly error: Error } | { readonly kind: 'retry'; readonly waitMs: number };

export interface RetryTools {
  readonly random: () => number;
  readonly sleep: (ms: number, signal: AbortSignal | undefined) => Promise<void>;
}

// Jitter decides when a request is sent, never what a run computes, so it needs no seed.
const TOOLS: RetryTools = {
  random: Math.random,
  sleep: async (ms, signal) => {
    await sleep(ms, undefined, signal === undefined ? {} : { signal });
  },
};

/**
 * Calls `attempt` up to `policy.attempts` times with exponential backoff and full jitter (Brooker, "Exponential
 * Backoff and Jitter", AWS Architecture Blog, 2015). `judge` sees each failure with the count of attempts made.
 */
export async function withRetry<T>(
  policy: S3Retry,
  attempt: (number: number) => Promise<T>,
  judge: (error: unknown, attempts: number) => Verdict,
  signal?: AbortSignal,
  tools: RetryTools = TOOLS,
): Promise<T> {
  for (let made = 1; ; made++) {
    try {
      return await attempt(made);
    } catch (error) {
      const verdict = judge(error, made);
      if (verdict.kind === 'give-up') throw verdict.error;
      const ceilingMs = Math.min(policy.capMs, policy.baseMs * 2 ** (made - 1));
      const waitMs = Math.max(tools.random() * ceilingMs, Math.min(verdict.waitMs, policy.capMs));
      await tools.sleep(waitMs, signal).catch((interrupted: unknown) => {
        const last = judge(interrupted, policy.attempts);
        throw last.kind === 'give-up' ? last.error : interrupted;
      });
    }
  }
}
