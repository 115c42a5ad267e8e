import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { progressIsDue } from './thinning.ts';

const DAY_MS = 86_400_000;
/** When messages go out, ms since the start, of a run that could tell every `everyMs`. */
function messagesOf(durationMs: number, everyMs: number): number[] {
  const sent: number[] = [];
  for (let now = 0; now <= durationMs; now += everyMs) {
    if (progressIsDue(now, 0, sent.at(-1) ?? -Infinity)) sent.push(now);
  }
  return sent;
}

describe('progress messages', () => {
  it('of a month are fewer than 100', () => {
    const sent = messagesOf(30 * DAY_MS, 500);
    expect(sent.length).toBeLessThan(100);
    expect(sent.length).toBeGreaterThan(60);
  }, 20_000);

  it('come at once, then no closer than ten seconds', () => {
    const sent = messagesOf(120_000, 500);
    expect(sent.slice(0, 4)).toEqual([0, 10_000, 20_000, 30_000]);
    for (const [index, now] of sent.slice(1).entries()) expect(now - sent[index]!).toBeGreaterThanOrEqual(10_000);
  });

  it('never leave the query more than 15 % of the run (or ten seconds) behind', () => {
    fc.assert(
      fc.property(fc.integer({ min: 10_000, max: 3 * DAY_MS }), (durationMs) => {
        const sent = messagesOf(durationMs, Math.max(500, Math.floor(durationMs / 5000)));
        const behind = durationMs - sent.at(-1)!;
        expect(behind).toBeLessThanOrEqual(Math.max(10_000, 0.15 * durationMs) + Math.max(500, durationMs / 5000));
      }),
      { seed: 5, numRuns: 30 },
    );
  });
});
