import { expect, it } from 'vitest';
import type { SweepReport } from '../../../../../contracts/sweep.ts';
import { plain, sweepRanks } from './values.ts';

const trial = (id: number, metric: number | null) => ({ trial: id, metric });

it('ranks by the goal, and leaves out what has no result', () => {
  const trials = [trial(0, 0.5), trial(1, null), trial(2, 0.9), trial(3, 0.7)] as unknown as SweepReport['trials'];
  const ranks = (goal: 'minimize' | 'maximize') => [...sweepRanks({ trials, objectives: [{ metric: 'm', goal }] })];
  expect(ranks('maximize')).toEqual([
    [0, 0],
    [3, 0.5],
    [2, 1],
  ]);
  expect(ranks('minimize').at(-1)).toEqual([0, 1]);
});

it('takes numbers and choices as they are, and what else there is as JSON', () => {
  expect([1e-3, 'head', true, undefined, [1]].map(plain)).toEqual([1e-3, 'head', 'true', null, '[1]']);
});
