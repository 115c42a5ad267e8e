import { expect, it } from 'vitest';
import { judgeWatch } from './watch.ts';
import type { WatchedModel } from './watch.ts';

const rules = { mayFall: 0.03, confidence: 0.95 };
const model = (change: Partial<WatchedModel> = {}): WatchedModel => ({
  version: 3,
  seen: { accuracy: 0.9, images: 500 },
  recorded: { accuracy: 0.9, images: 1000 },
  before: { version: 2, wins: 12, losses: 8 },
  drift: [],
  ...change,
});
const verdictOf = (change: Partial<WatchedModel>) => judgeWatch(model(change), rules).verdict;

it.each([
  ['as it was', {}, 'fine'],
  ['better', { seen: { accuracy: 0.95, images: 500 } }, 'fine'],
  // 0.9 → 0.86 on 500: z = 2.29, p 0.011.
  ['fallen beyond chance', { seen: { accuracy: 0.86, images: 500 } }, 'worse'],
  [
    'fallen by less than may be',
    { seen: { accuracy: 0.875, images: 100_000 }, recorded: { accuracy: 0.9, images: 100_000 } },
    'fine',
  ],
  // 0.9 → 0.8 on 20: z = 1.46, p 0.07.
  ['fallen by chance', { seen: { accuracy: 0.8, images: 20 } }, 'fine'],
  ['other pictures', { drift: ['DRIFT_COLOUR'] }, 'drifted'],
  ['worse, and other pictures', { seen: { accuracy: 0.7, images: 500 }, drift: ['DRIFT_COLOUR'] }, 'worse'],
  // A fair coin: 9 of 10 once in 93 times, 7 of 10 once in 5.8 times.
  ['the version before is better', { before: { version: 2, wins: 1, losses: 9 } }, 'roll-back'],
  ['the version before is better by chance', { before: { version: 2, wins: 3, losses: 7 } }, 'fine'],
  [
    'fallen, and the version before is better',
    { seen: { accuracy: 0.7, images: 500 }, before: { version: 2, wins: 1, losses: 9 } },
    'roll-back',
  ],
  ['nothing before it', { before: null }, 'fine'],
  ['all wrong', { seen: { accuracy: 0, images: 50 }, recorded: { accuracy: 0, images: 50 }, before: null }, 'fine'],
] as const)('a model that is %s', (_, change, verdict) => {
  expect(verdictOf(change)).toBe(verdict);
});

it('says why, with the numbers', () => {
  const { reason, pValue } = judgeWatch(model({ before: { version: 2, wins: 1, losses: 9 } }), rules);
  expect(reason).toBe(
    'version 2 is better than 3: 9 images that version 2 alone gets right, 1 the other way, p 0.0107',
  );
  expect(pValue).toBeCloseTo(11 / 1024, 12);
});
