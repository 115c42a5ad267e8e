import { expect, it } from 'vitest';
import { judgeRetention } from './retention.ts';
import type { RetentionRules } from './retention.ts';

const DAY = 86_400_000;
const NOW = Date.UTC(2026, 10, 27);
const rules: RetentionRules = { nowMs: NOW, keepNewest: 2, keepLiveMs: 90 * DAY, keepYoungMs: 14 * DAY };
const ago = (days: number): string => new Date(NOW - days * DAY).toISOString();
const version = (number: number, days: number, tags: Record<string, string> = {}) => ({
  ...{ version: number, createdAt: ago(days), tags },
});
const move = (days: number, from: number | null, to: number, alias = 'champion') => ({
  time: ago(days),
  alias,
  from,
  to,
});

it('says why each version stays; the rest may be retired', () => {
  const versions = [
    version(1, 400),
    version(2, 390),
    version(3, 300),
    version(4, 200),
    version(5, 190, { keep: 'the study' }),
    version(6, 180),
    version(7, 13),
    version(8, 12),
    version(9, 11),
  ];
  const moves = [move(399, null, 1), move(389, 1, 2), move(299, 2, 3), move(100, 3, 6), move(95, 6, 4, 'champion')];
  const verdicts = judgeRetention(versions, { champion: 4, shadow: 6 }, moves, rules);
  expect(Object.fromEntries(verdicts)).toEqual({
    1: null,
    2: null,
    3: null,
    4: 'is champion',
    5: 'has the tag keep',
    6: 'is shadow',
    7: 'was made lately',
    8: 'one of the 2 newest',
    9: 'one of the 2 newest',
  });
});

it('keeps where a rollback of any alias leads, and what was live within the time asked for', () => {
  const versions = [version(1, 400), version(2, 390), version(3, 380), version(4, 370), version(5, 1), version(6, 1)];
  const moves = [
    move(399, null, 1),
    move(380, 1, 2),
    move(89, 2, 3),
    move(300, null, 1, 'shadow'),
    move(200, 1, 4, 'shadow'),
  ];
  const verdicts = judgeRetention(versions, { champion: 3, shadow: 4 }, moves, rules);
  expect(verdicts.get(1)).toBe('a rollback of shadow leads to it');
  expect(verdicts.get(2)).toBe('a rollback of champion leads to it');
  const later = [...moves, move(10, 3, 5)];
  expect(judgeRetention(versions, { champion: 5, shadow: 4 }, later, rules).get(2)).toBe('was live lately');
  const muchLater = { ...rules, nowMs: NOW + 30 * DAY };
  expect(judgeRetention(versions, { champion: 5, shadow: 4 }, later, muchLater).get(2)).toBeNull();
});
