import { describe, expect, it } from 'vitest';
import { withRetry } from './retry.ts';
import type { Verdict } from './retry.ts';

const policy = { attempts: 5, baseMs: 100, capMs: 1000 };
const until =
  (last: number) =>
  (error: unknown, made: number): Verdict =>
    made < last ? { kind: 'retry', waitMs: 0 } : { kind: 'give-up', error: new Error(`gave up: ${String(error)}`) };

function tools(random: number): { waits: number[]; random: () => number; sleep: (ms: number) => Promise<void> } {
  const waits: number[] = [];
  return {
    waits,
    random: () => random,
    sleep: (ms) => {
      waits.push(ms);
      return Promise.resolve();
    },
  };
}

describe('withRetry', () => {
  it('waits for a random share of a ceiling that doubles up to the cap', async () => {
    const fake = tools(0.5);
    const failing = (): Promise<never> => Promise.reject(new Error('no'));
    await expect(withRetry({ ...policy, attempts: 6 }, failing, until(6), undefined, fake)).rejects.toThrow('gave up');
    expect(fake.waits).toEqual([50, 100, 200, 400, 500]);
  });

  it('stops at the first success and counts attempts from 1', async () => {
    const seen: number[] = [];
    const attempt = (number: number): Promise<string> => {
      seen.push(number);
      return number === 3 ? Promise.resolve('yes') : Promise.reject(new Error('no'));
    };
    expect(await withRetry(policy, attempt, until(5), undefined, tools(0))).toBe('yes');
    expect(seen).toEqual([1, 2, 3]);
  });

  it('waits as long as the server asks, up to the cap', async () => {
    for (const [asked, waited] of [
      [700, 700],
      [60_000, 1000],
    ] as const) {
      const fake = tools(0);
      const judge = (_: unknown, made: number): Verdict =>
        made === 1 ? { kind: 'retry', waitMs: asked } : { kind: 'give-up', error: new Error('end') };
      await expect(withRetry(policy, () => Promise.reject(new Error('no')), judge, undefined, fake)).rejects.toThrow(
        'end',
      );
      expect(fake.waits).toEqual([waited]);
    }
  });

  it('leaves a wait when the signal aborts, with what the judge makes of it', async () => {
    const stop = new AbortController();
    const running = withRetry(
      { attempts: 5, baseMs: 1e9, capMs: 1e9 },
      () => Promise.reject(new Error('no')),
      (_, made) => (stop.signal.aborted ? { kind: 'give-up', error: new Error(`stopped ${made}`) } : until(9)(_, made)),
      stop.signal,
    );
    setImmediate(() => stop.abort());
    await expect(running).rejects.toThrow('stopped 5');
  });
});
