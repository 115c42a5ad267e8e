import { describe, expect, it } from 'vitest';
import optuna from '../../test/golden/search/optuna.json' with { type: 'json' };
import sobolPoints from '../../test/golden/search/sobol.json' with { type: 'json' };
import type { SearchMethod } from './method.ts';
import { openSearch } from './searcher.ts';
import { simulate } from './simulate.ts';
import { SOBOL_DIMENSIONS, sobolWord } from './sobol.ts';
import { openSweep } from './sweep.ts';
import { bestTrials, lastReport } from './trials.ts';
import { curveAt, functions } from './testing/functions.ts';
import { methods } from './testing/methods.ts';

const SEEDS = 20;
const EPOCHS = optuna.maxEpochs;
type Name = keyof typeof functions;

interface Budget {
  readonly trials?: number | undefined;
  readonly epochs?: number | undefined;
}

/** The best value that is found at this budget. */
function bestOf(name: Name, method: SearchMethod, seed: number, { trials, epochs }: Budget): number {
  const f = functions[name];
  const search = openSearch({
    method,
    seed,
    objectives: [{ metric: 'value', goal: 'minimize' }],
    epochs: EPOCHS,
    budget: trials ?? 100_000,
    space: f.space,
  });
  const { state } = simulate(
    openSweep(search, {
      concurrency: 1,
      inOrder: true,
      stop: { target: null, patience: null, minDelta: 0, epochs: epochs ?? null, cost: null },
      retries: 0,
      failuresAtMost: 1,
    }),
    ({ values, toEpoch }) => ({
      end: { kind: 'trained', epoch: toEpoch, values: [curveAt(f, values, toEpoch, EPOCHS)], ended: false, seconds: 1 },
      seconds: 1,
    }),
  );
  const [best] = bestTrials(state.search.trials, state.search.objectives);
  return lastReport(best!)!.values[0]!;
}

function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return (sorted[(sorted.length >> 1) - 1]! + sorted[sorted.length >> 1]!) / 2;
}

describe('against Optuna at equal budget, median best of 20 seeds', () => {
  // test/golden/search/make_golden.py; a lower value is better, so only the upper side is bounded.
  it.each(optuna.cases.map((each) => [each.function, each.kind, each] as const))(
    '%s, %s',
    { timeout: 120_000 },
    (name, kind, golden) => {
      const own = median(
        Array.from({ length: SEEDS }, (_, seed) => bestOf(name as Name, methods[kind]!, seed + 1, golden)),
      );
      process.stdout.write(`${name} ${kind}: graft ${own.toFixed(4)}, Optuna ${golden.median.toFixed(4)}\n`);
      expect(own).toBeLessThanOrEqual(golden.median + 0.1 * Math.abs(golden.median));
    },
  );
});

it('Sobol points are SciPy’s, in all dimensions', () => {
  expect(SOBOL_DIMENSIONS).toBe(sobolPoints[0]!.length);
  for (const [index, point] of sobolPoints.entries()) {
    expect(point.map((_, dimension) => sobolWord(index, dimension))).toEqual(point);
  }
});
