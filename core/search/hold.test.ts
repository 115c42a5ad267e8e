/** A sweep is held and handed over, perhaps often, and decides what it would have decided in one go. */
import { describe, expect, it } from 'vitest';
import { stream } from '../rng.ts';
import { openSearch } from './searcher.ts';
import type { SearchMethod } from './method.ts';
import { simulate } from './simulate.ts';
import { arrive, isQuiet, openSweep, release } from './sweep.ts';
import type { Leg, LegEnd, SweepState } from './sweep.ts';
import { functions } from './testing/functions.ts';
import { methods } from './testing/methods.ts';

const EPOCHS = 9;
const random = stream(3, 'hold');

function sweep(method: SearchMethod): SweepState {
  const search = openSearch({
    method,
    seed: 1,
    objectives: [{ metric: 'validation.loss', goal: 'minimize' }],
    epochs: EPOCHS,
    budget: 40,
    space: {
      ...functions.branin.space,
      parameters: functions.branin.space.parameters.map((parameter) => ({ ...parameter, points: 7 })),
    },
  });
  const stop = { target: null, patience: null, minDelta: 0, epochs: null, cost: null };
  return openSweep(search, { concurrency: 4, inOrder: true, stop, retries: 0, failuresAtMost: 1 });
}

/** Curves that cross, so that what is known when decides. */
const endOf = ({ trial, values, fromEpoch, toEpoch }: Leg): LegEnd =>
  random.uniform(1, trial, toEpoch) < 0.1
    ? { kind: 'failed', reason: 'TRAIN_NONFINITE', passing: false }
    : {
        kind: 'trained',
        epoch: toEpoch,
        values: [functions.branin.of(values) * (1 + random.uniform(2, trial, toEpoch) / toEpoch)],
        ended: false,
        seconds: toEpoch - fromEpoch,
      };

/** Legs end in an order of chance; the sweep is held every so many results, drained, written down and read again. */
function withHolds(start: SweepState, every: number): { state: SweepState; holds: number } {
  let { state, starts } = release(start);
  const waiting = new Map<number, Leg>();
  let [results, holds] = [0, 0];
  for (;;) {
    for (const leg of starts) waiting.set(leg.number, leg);
    if (state.held && isQuiet(state)) {
      holds++;
      ({ state, starts } = release(JSON.parse(JSON.stringify(state)) as SweepState));
      continue;
    }
    const legs = [...waiting.values()];
    const next = legs[Math.floor(random.uniform(3, results) * legs.length)];
    if (next === undefined) return { state, holds };
    waiting.delete(next.number);
    results++;
    ({ state, starts } = arrive(state, next.number, endOf(next)));
    if (results % every === 0 && state.ended === null) state = { ...state, held: true };
  }
}

describe.each(Object.entries(methods))('%s', (_, method) => {
  it.each([3, 7, 20])('decides the same when it is held every %i results', (every) => {
    const straight = simulate(sweep(method), (leg) => ({ end: endOf(leg), seconds: random.uniform(4, leg.number) }));
    const { state, holds } = withHolds(sweep(method), every);
    expect(holds).toBeGreaterThan(0);
    expect(state.decisions).toEqual(straight.state.decisions);
    expect(state.search.trials).toEqual(straight.state.search.trials);
    expect(state.ended).toBe(straight.state.ended);
  });
});
