import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  checkpointName,
  expendable,
  leadSteps,
  lossIsBounded,
  newestFirst,
  parseCheckpointName,
  saveIsDue,
} from './policy.ts';
import type { StoredCheckpoint } from './policy.ts';

const at = (step: number, isBest = false, attempt = 1): StoredCheckpoint => ({
  key: checkpointName(step, attempt),
  step,
  attempt,
  isBest,
});
const stepsOf = (checkpoints: readonly StoredCheckpoint[]): number[] => checkpoints.map(({ step }) => step);

describe('saving', () => {
  const policy = { everySteps: 50, everySeconds: 60 };

  it('is due by steps or by the clock, whichever comes first', () => {
    const saved = { step: 100, ms: 5000 };
    expect(saveIsDue(policy, { step: 144, ms: 5000 }, saved)).toBe(false);
    expect(saveIsDue(policy, { step: 145, ms: 5000 }, saved)).toBe(true);
    expect(saveIsDue(policy, { step: 101, ms: 64_999 }, saved)).toBe(false);
    expect(saveIsDue(policy, { step: 101, ms: 65_000 }, saved)).toBe(true);
  });

  it('is never due twice at one step, and not by a clock that is switched off', () => {
    expect(saveIsDue(policy, { step: 100, ms: 1e9 }, { step: 100, ms: 0 })).toBe(false);
    expect(saveIsDue({ everySteps: 50, everySeconds: null }, { step: 101, ms: 1e12 }, { step: 100, ms: 0 })).toBe(
      false,
    );
  });
});

describe('writing beside the steps', () => {
  it('costs no crash more than the interval, however long it takes', () => {
    const takes = fc.array(fc.integer({ min: 0, max: 30 }), { minLength: 60, maxLength: 60 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 60 }), takes, (everySteps, durations) => {
        const policy = { everySteps, everySeconds: null };
        let [durable, saved] = [0, 0];
        let writing: { step: number; until: number } | null = null;
        for (let step = 0, saves = 0; step < 200; step++) {
          if (writing && (step >= writing.until || !lossIsBounded(policy, step, durable))) {
            durable = writing.step;
            writing = null;
          }
          expect(step + 1 - durable).toBeLessThanOrEqual(everySteps);
          const now = { step: step + 1, ms: 0 };
          if (!saveIsDue(policy, now, { step: saved, ms: 0 })) continue;
          if (writing) durable = writing.step;
          saved = now.step;
          writing = { step: saved, until: saved + (durations[saves++ % 60] ?? 0) };
        }
      }),
    );
  });

  it('is begun a tenth of the interval before it must be done', () => {
    expect([1, 9, 10, 50, 1000].map((everySteps) => leadSteps({ everySteps, everySeconds: null }))).toEqual([
      0, 0, 1, 5, 100,
    ]);
  });
});

describe('keeping', () => {
  it('spares the newest and the newest best one', () => {
    const all = [at(50), at(100, true), at(150, true), at(200), at(250), at(300)];
    expect(stepsOf(expendable({ keepLast: 2, keepBest: true }, all))).toEqual([200, 100, 50]);
    expect(stepsOf(expendable({ keepLast: 2, keepBest: false }, all))).toEqual([200, 150, 100, 50]);
    expect(expendable({ keepLast: 9, keepBest: true }, all)).toEqual([]);
    expect(expendable({ keepLast: 1, keepBest: true }, [])).toEqual([]);
  });

  it('counts a later attempt at the same step as newer', () => {
    expect(newestFirst([at(50, false, 2), at(100, false, 1), at(100, false, 3)]).map(({ key }) => key)).toEqual([
      checkpointName(100, 3),
      checkpointName(100, 1),
      checkpointName(50, 2),
    ]);
  });

  it('leaves in every case the newest, min(n, keepLast) in all and the newest best', () => {
    const checkpoints = fc.uniqueArray(
      fc.record({ step: fc.nat({ max: 500 }), attempt: fc.integer({ min: 1, max: 3 }), isBest: fc.boolean() }),
      { selector: ({ step, attempt }) => checkpointName(step, attempt), minLength: 1 },
    );
    fc.assert(
      fc.property(checkpoints, fc.integer({ min: 1, max: 5 }), (list, keepLast) => {
        const all = list.map(({ step, attempt, isBest }) => at(step, isBest, attempt));
        const gone = new Set(expendable({ keepLast, keepBest: true }, all));
        const kept = newestFirst(all.filter((checkpoint) => !gone.has(checkpoint)));
        const ordered = newestFirst(all);
        expect(kept.slice(0, keepLast)).toEqual(ordered.slice(0, keepLast));
        expect(kept.length).toBeLessThanOrEqual(keepLast + 1);
        const best = ordered.find(({ isBest }) => isBest);
        if (best) expect(kept).toContain(best);
      }),
      { seed: 6 },
    );
  });
});

describe('names', () => {
  it('sort by step, then by attempt, and read back', () => {
    const positions = [
      [1, 1],
      [2, 1],
      [2, 10],
      [10, 2],
      [999_999_999_999, 999_999],
    ] as const;
    const names = positions.map(([step, attempt]) => checkpointName(step, attempt));
    expect([...names].sort()).toEqual(names);
    for (const [index, [step, attempt]] of positions.entries()) {
      expect(parseCheckpointName(names[index]!)).toEqual({ step, attempt });
    }
  });

  it('of something else are none', () => {
    for (const name of ['', '50-1', '000000000050-1', 'x000000000050-000001', '000000000050-000001/']) {
      expect(parseCheckpointName(name)).toBeNull();
    }
  });
});
