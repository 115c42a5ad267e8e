import { describe, expect, it } from 'vitest';
import { CARRIED_AT_MOST, carriedBytes } from './carried.ts';
import { openSearch } from './searcher.ts';
import type { Space } from './space.ts';
import { openSweep } from './sweep.ts';
import { simulate } from './simulate.ts';

const spaceOf = (count: number): Space => ({
  parameters: Array.from({ length: count }, (_, i) => ({
    name: `train.optimizer.parameter${i}`,
    domain: { kind: 'float', low: 0, high: 1, log: false, step: null } as const,
    when: null,
    points: null,
  })),
  constraints: [],
});

/** What `workflows/sweep.ts` hands over: the search and what is known of each trial's training. */
function handedOver(parameters: number, trials: number): number {
  const search = openSearch({
    ...{ method: { kind: 'asha', eta: 3, grace: 1, sampler: { kind: 'random' } }, seed: 1, epochs: 27, budget: trials },
    ...{ objectives: [{ metric: 'validation.accuracy', goal: 'maximize' }], space: spaceOf(parameters) },
  });
  const stop = { target: null, patience: null, minDelta: 0, epochs: null, cost: null };
  const rules = { concurrency: 8, inOrder: true, stop, retries: 0, failuresAtMost: 1 };
  const { state } = simulate(openSweep(search, rules), ({ trial, toEpoch }) => ({
    end: { kind: 'trained', epoch: toEpoch, values: [Math.sin(trial * toEpoch)], ended: false, seconds: 12.345 },
    seconds: 1,
  }));
  const manifestKey = `stages/train/${'a'.repeat(64)}/manifest.json`;
  const training = { manifestKey, before: null, steps: 1234, stoppedEarly: false, seconds: 123.456 };
  const leg = { untilEpoch: 27, from: manifestKey };
  const all = state.search.trials.map(({ id }) => [id, { leg, ...training, weightsSha256: 'a'.repeat(64) }] as const);
  return JSON.stringify({ state, trainings: Object.fromEntries(all) }).length;
}

describe('what a sweep carries', () => {
  it.each([
    [2, 300],
    [12, 300],
  ])('of %i parameters and %i trials is within the estimate, and not far from it', (parameters, trials) => {
    const bytes = handedOver(parameters, trials);
    const estimate = carriedBytes(spaceOf(parameters), trials);
    expect(bytes).toBeLessThan(estimate);
    expect(bytes).toBeGreaterThan(0.7 * estimate);
  });

  it('leaves room for a thousand trials of a dozen parameters', () => {
    expect(carriedBytes(spaceOf(12), 1000)).toBeLessThan(CARRIED_AT_MOST);
    expect(carriedBytes(spaceOf(12), 2000)).toBeGreaterThan(CARRIED_AT_MOST);
  });
});
