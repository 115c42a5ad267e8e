/** What each searcher must decide, by hand. */
import { describe, expect, it } from 'vitest';
import { nextAsha, rungs } from './asha.ts';
import { brackets, roundOf } from './hyperband.ts';
import { nextMedian } from './median.ts';
import { combinations } from './propose.ts';
import { advance, openSearch } from './searcher.ts';
import type { SearchState } from './searcher.ts';
import { fromUnit, gridOf, toUnit } from './testing/spaces.ts';
import { bestTrials, dominates, paretoFront, ranking } from './trials.ts';
import type { Trial } from './trials.ts';
import { methods } from './testing/methods.ts';

const minimize = [{ metric: 'validation.loss', goal: 'minimize' }] as const;

/** Trials from their losses epoch by epoch; paused after the last. */
function trials(...curves: readonly (readonly number[])[]): Trial[] {
  return curves.map((losses, id) => ({
    id,
    values: { x: id },
    state: 'paused',
    epoch: losses.length,
    target: losses.length,
    reports: losses.map((loss, index) => ({ epoch: index + 1, values: [loss] })),
  }));
}

function stateOf(known: readonly Trial[], budget = known.length): SearchState {
  const space = {
    parameters: [
      { name: 'x', domain: { kind: 'int', low: 0, high: 999, log: false, step: 1 }, when: null, points: null },
    ],
    constraints: [],
  } as const;
  const state = openSearch({ method: methods['random']!, seed: 1, objectives: minimize, epochs: 27, budget, space });
  return { ...state, trials: known };
}

describe('ASHA', () => {
  const asha = { eta: 3, grace: 1, sampler: { kind: 'random' } } as const;

  it('has rungs at grace · eta^k and at the end', () => {
    expect(rungs({ grace: 1, eta: 3 }, 27)).toEqual([1, 3, 9, 27]);
    expect(rungs({ grace: 1, eta: 4 }, 20)).toEqual([1, 4, 16, 20]);
    expect(rungs({ grace: 5, eta: 3 }, 4)).toEqual([4]);
  });

  it('promotes the best third of a rung, the best first, before it begins a new trial', () => {
    const known = trials([0.5], [0.2], [0.9], [0.3], [0.7], [0.8]);
    expect(nextAsha(stateOf(known, 9), asha).action).toMatchObject({
      kind: 'train',
      trial: 1,
      fromEpoch: 1,
      toEpoch: 3,
    });
    const promoted = known.map((trial) =>
      trial.id === 1 ? { ...trial, state: 'running' as const, target: 3 } : trial,
    );
    expect(nextAsha(stateOf(promoted, 9), asha).action).toMatchObject({ trial: 3, toEpoch: 3 });
    const both = promoted.map((trial) => (trial.id === 3 ? { ...trial, state: 'running' as const, target: 3 } : trial));
    expect(nextAsha(stateOf(both, 9), asha).action).toMatchObject({ trial: 6, fromEpoch: 0, toEpoch: 1 });
    expect(nextAsha(stateOf(both), asha).action).toEqual({ kind: 'wait' });
  });

  it('counts a trial that failed as the worst of its rung', () => {
    const failed: Trial = { ...trials([])[0]!, id: 2, state: 'failed', target: 1 };
    expect(nextAsha(stateOf([...trials([0.5], [0.2]), failed]), asha).action).toMatchObject({ trial: 1, toEpoch: 3 });
    expect(nextAsha(stateOf(trials([0.5], [0.2])), asha).action).toEqual({ kind: 'finish' });
  });
});

it('Hyperband’s brackets for 81 epochs are those of the paper', () => {
  const found = brackets({ eta: 3, grace: 1 }, 81);
  expect(found.map(({ trials: n, rungs: [first] }) => `${n}@${first}`)).toEqual([
    '81@1',
    '34@3',
    '15@9',
    '8@27',
    '5@81',
  ]);
  expect(roundOf({ eta: 3, grace: 1 }, 81)).toBe(143);
  expect(found[1]?.rungs).toEqual([3, 9, 27, 81]);
});

it('the median rule gives up what is worse than the median of running averages', () => {
  const rule = { kind: 'median', startup: 3, grace: 1, every: 1, sampler: { kind: 'random' } } as const;
  // Averages after two epochs: 0.45, 0.55, 0.65, 0.73; each is measured against the other three.
  const known = trials([0.5, 0.4], [0.6, 0.5], [0.7, 0.6], [0.9, 0.56]);
  const { state, action } = nextMedian(stateOf(known), rule);
  expect(state.trials.map((trial) => trial.state)).toEqual(['running', 'paused', 'dropped', 'dropped']);
  expect(action).toMatchObject({ trial: 0, fromEpoch: 2, toEpoch: 3 });
});

describe('several objectives', () => {
  const ranked = [
    [1, 5],
    [2, 2],
    [5, 1],
    [3, 3],
  ].map((losses, item) => ({ item, losses }));

  it('rank by front, the lonely first', () => {
    expect(ranking(ranked)).toEqual([0, 2, 1, 3]);
    expect(dominates([1, 2], [1, 3])).toBe(true);
    expect(dominates([1, 2], [1, 2])).toBe(false);
  });

  it('leave a front, whose best by the first is the best', () => {
    const objectives = [...minimize, { metric: 'model.parameters', goal: 'minimize' }] as const;
    const known = trials([0]).flatMap((trial) =>
      ranked.map(({ losses, item }) => ({ ...trial, id: item, reports: [{ epoch: 1, values: losses }] })),
    );
    expect(paretoFront(known, objectives).map(({ id }) => id)).toEqual([0, 1, 2]);
    expect(bestTrials(known, objectives)[0]?.id).toBe(0);
  });
});

it('the best is sought among those that came furthest', () => {
  expect(bestTrials(trials([0.1], [0.5, 0.4], [0.6, 0.5]), minimize).map(({ id }) => id)).toEqual([1, 2]);
});

describe('domains', () => {
  it('spread logarithmic values evenly in the logarithm, and steps over all values', () => {
    const log = { kind: 'float', low: 1e-4, high: 1, log: true, step: null } as const;
    expect([fromUnit(log, 0), fromUnit(log, 0.5), toUnit(log, 0.1)]).toEqual([
      expect.closeTo(1e-4, 15),
      expect.closeTo(0.01, 10),
      0.75,
    ]);
    const int = { kind: 'int', low: 2, high: 8, log: false, step: 3 } as const;
    const counts = new Map<unknown, number>();
    for (let i = 0; i < 300; i++) {
      const value = fromUnit(int, i / 300);
      counts.set(value, (counts.get(value) ?? 0) + 1);
    }
    expect([...counts]).toEqual([
      [2, 100],
      [5, 100],
      [8, 100],
    ]);
  });

  it('a grid has both ends, and only what is there', () => {
    const { values, count } = gridOf();
    expect(values).toEqual([
      { kind: 'a', rate: 0.01 },
      { kind: 'a', rate: 0.1 },
      { kind: 'a', rate: 1 },
      { kind: 'b', rate: 0.01, n: 1 },
      { kind: 'b', rate: 0.01, n: 2 },
      { kind: 'b', rate: 0.1, n: 1 },
      { kind: 'b', rate: 0.1, n: 2 },
      { kind: 'b', rate: 1, n: 1 },
      { kind: 'b', rate: 1, n: 2 },
    ]);
    expect(count).toBe(Infinity);
    expect(combinations({ parameters: [], constraints: [] })).toBe(1);
  });

  it('a grid is gone through once, also where a parameter is continuous', () => {
    const { space, values } = gridOf();
    const settings = { seed: 1, objectives: [{ metric: 'loss', goal: 'minimize' as const }], epochs: 1, budget: 20 };
    let state = openSearch({ method: { kind: 'grid' }, space, ...settings });
    const tried: unknown[] = [];
    for (let i = 0; i <= values.length; i++) {
      const step = advance(state, { kind: 'free' });
      state = step.state;
      tried.push(step.action?.kind === 'train' ? step.action.values : step.action?.kind);
    }
    expect(tried).toEqual([...values, 'wait']);
  });
});
