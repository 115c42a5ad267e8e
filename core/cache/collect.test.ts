import { expect, it } from 'vitest';
import { judgeCollection } from './collect.ts';
import type { CollectibleResult, CollectionRules } from './collect.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const NOW = 1_000 * DAY;
const rules: CollectionRules = { nowMs: NOW, graceMs: 14 * DAY, oldestRunMs: null };

const result = (
  id: string,
  state: CollectibleResult['state'],
  ageMs: number,
  mentions: readonly string[] = [],
): CollectibleResult => ({ id, stage: id.split('/')[0] ?? '', state, sinceMs: NOW - ageMs, mentions });

function verdictsOf(
  results: readonly CollectibleResult[],
  roots: readonly string[] = [],
  change: Partial<CollectionRules> = {},
) {
  return Object.fromEntries(judgeCollection(results, roots, { ...rules, ...change }));
}

it('marks what is old and not spoken of, and keeps what is young, a split, or spoken of by either, however far off', () => {
  const results = [
    result('train/old', 'live', 15 * DAY),
    result('train/young', 'live', 13 * DAY, ['prepare/of-young']),
    result('prepare/of-young', 'live', 90 * DAY, ['validate/deep']),
    result('validate/deep', 'live', 90 * DAY),
    result('split/old', 'live', 900 * DAY, ['validate/of-split']),
    result('validate/of-split', 'live', 900 * DAY),
    result('ingest/old', 'live', 900 * DAY),
    result('train/champion', 'live', 900 * DAY),
    result('gate/swept', 'swept', 900 * DAY),
  ];
  expect(verdictsOf(results, ['train/champion'])).toEqual({
    'train/old': 'mark',
    'train/young': 'young',
    'prepare/of-young': 'needed',
    'validate/deep': 'needed',
    'split/old': 'needed',
    'validate/of-split': 'needed',
    'ingest/old': 'needed',
    'train/champion': 'needed',
    'gate/swept': 'gone',
  });
});

it('sweeps what was marked a grace period ago, and takes a mark away where it is needed after all', () => {
  const results = [
    result('train/long', 'marked', 14 * DAY),
    result('train/lately', 'marked', 14 * DAY - 1),
    result('train/champion', 'marked', 90 * DAY),
    result('train/begun', 'sweeping', HOUR),
  ];
  expect(verdictsOf(results, ['train/champion', 'train/begun'])).toEqual({
    'train/long': 'sweep',
    'train/lately': 'waiting',
    'train/champion': 'restore',
    // Parts of it may be gone: nobody can take it, so nobody needs it.
    'train/begun': 'sweep',
  });
});

it('sweeps nothing that was marked after the oldest run under way began, or shortly before', () => {
  const results = [result('train/a', 'marked', 20 * DAY)];
  const swept = (oldestRunMs: number) => verdictsOf(results, [], { oldestRunMs })['train/a'];
  expect(swept(NOW - 21 * DAY)).toBe('waiting');
  expect(swept(NOW - 20 * DAY + 9 * 60_000)).toBe('waiting');
  expect(swept(NOW - 20 * DAY + 11 * 60_000)).toBe('sweep');
});

it('does not sweep what something that can still be taken speaks of', () => {
  const parts = result('prepare/parts', 'marked', 20 * DAY);
  const user = (state: CollectibleResult['state'], age: number) => result('train/user', state, age, ['prepare/parts']);
  expect(verdictsOf([parts, user('live', 20 * DAY)])).toEqual({ 'prepare/parts': 'waiting', 'train/user': 'mark' });
  expect(verdictsOf([parts, user('marked', DAY)])).toEqual({ 'prepare/parts': 'waiting', 'train/user': 'waiting' });
  expect(verdictsOf([parts, user('marked', 20 * DAY)])).toEqual({ 'prepare/parts': 'sweep', 'train/user': 'sweep' });
  expect(verdictsOf([parts, user('swept', 20 * DAY)])).toEqual({ 'prepare/parts': 'sweep', 'train/user': 'gone' });
});
