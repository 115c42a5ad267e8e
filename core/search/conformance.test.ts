import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stream } from '../rng.ts';
import type { SearchMethod } from './method.ts';
import { openSearch } from './searcher.ts';
import type { SearchState } from './searcher.ts';
import { simulate } from './simulate.ts';
import type { Simulated } from './simulate.ts';
import { isOf } from './space.ts';
import type { Space } from './space.ts';
import { arrive, command, fill, openSweep, refusal } from './sweep.ts';
import type { Leg, LegEnd, SweepRules, SweepState } from './sweep.ts';
import { methods } from './testing/methods.ts';

const EPOCHS = 9;
const BUDGET = 20;

/** Every kind of domain, a condition and a constraint. */
const full: Space = {
  parameters: [
    { name: 'kind', domain: { kind: 'choice', options: ['sgd', 'adam'] }, when: null, points: null },
    {
      name: 'rate',
      domain: { kind: 'float', low: 1e-4, high: 1e-1, log: true, step: null },
      when: null,
      points: 4,
    },
    {
      name: 'momentum',
      domain: { kind: 'float', low: 0, high: 0.9, log: false, step: 0.1 },
      when: { kind: ['sgd'] },
      points: null,
    },
    { name: 'batch', domain: { kind: 'int', low: 8, high: 64, log: true, step: 1 }, when: null, points: 3 },
    { name: 'blocks', domain: { kind: 'int', low: 1, high: 9, log: false, step: 2 }, when: null, points: null },
  ],
  constraints: [
    { kind: 'product', weights: { rate: 1, batch: 1 }, atMost: 4 },
    { kind: 'forbid', values: { kind: ['adam'], blocks: [9] } },
  ],
};
/** What a population can move: no conditions. */
const flat: Space = { ...full, parameters: full.parameters.filter(({ when }) => when === null) };

const rules: SweepRules = {
  concurrency: 1,
  inOrder: true,
  stop: { target: null, patience: null, minDelta: 0, epochs: null, cost: null },
  retries: 0,
  failuresAtMost: 1,
};

function sweep(method: SearchMethod, options: Partial<SweepRules & { seed: number; budget: number }> = {}): SweepState {
  const { seed = 1, budget = BUDGET, ...rest } = options;
  const search = openSearch({
    method,
    seed,
    objectives: [{ metric: 'validation.accuracy', goal: 'maximize' }],
    epochs: EPOCHS,
    budget,
    space: method.kind === 'pbt' ? flat : full,
  });
  return openSweep(search, { ...rules, ...rest });
}

/** Better with a rate near 0.01 and with epochs; some fail. */
function play(seed: number, failing = 0) {
  return (leg: Leg): Simulated => {
    const rate = Number(leg.values['rate']);
    const value = 1 - Math.abs(Math.log10(rate) + 2) / 4 - 0.3 / leg.toEpoch;
    const random = stream(seed, 'play');
    const seconds = 1 + 10 * random.uniform(leg.trial, leg.toEpoch);
    if (random.uniform(leg.trial, 1000) < failing) {
      return { end: { kind: 'failed', reason: 'TRAIN_NONFINITE', passing: false }, seconds };
    }
    return { end: { kind: 'trained', epoch: leg.toEpoch, values: [value], ended: false, seconds }, seconds };
  };
}

function frozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    Object.values(value).forEach(frozen);
  }
  return value;
}

describe.each(Object.entries(methods))('%s', (_, method) => {
  it('comes to an end, proposes what is in the space, and keeps to its budget', () => {
    const { state } = simulate(sweep(method), play(1));
    const { trials, space } = state.search;
    expect(state.ended).toBe('finished');
    expect(trials.length).toBeGreaterThan(4);
    expect(trials.length).toBeLessThanOrEqual(BUDGET);
    for (const trial of trials) {
      expect([trial.values, isOf(space, trial.values)]).toEqual([trial.values, true]);
      expect(trial.state).not.toBe('running');
    }
  });

  it('trains forward only, from where a trial is, and never beyond a whole training', () => {
    const epochs = new Map<number, number>();
    simulate(sweep(method, { concurrency: 3 }), (leg) => {
      expect(leg.fromEpoch).toBe(epochs.get(leg.trial) ?? 0);
      expect(leg.toEpoch).toBeGreaterThan(leg.fromEpoch);
      expect(leg.toEpoch).toBeLessThanOrEqual(EPOCHS);
      epochs.set(leg.trial, leg.toEpoch);
      return play(1)(leg);
    });
  });

  it('decides the same again, and something else with another seed', () => {
    const decide = (seed: number): unknown => simulate(sweep(method, { seed }), play(1)).state;
    expect(decide(1)).toEqual(decide(1));
    if (method.kind !== 'grid') expect(decide(2)).not.toEqual(decide(1));
  });

  it('is nothing but its JSON: written and read again after every event, it decides the same', () => {
    const straight = simulate(sweep(method, { concurrency: 2 }), play(1)).state;
    let { state, starts } = fill(sweep(method, { concurrency: 2 }));
    const waiting: Leg[] = [...starts];
    for (let leg = waiting.shift(); leg; leg = waiting.shift()) {
      const reread = frozen(JSON.parse(JSON.stringify(state)) as SweepState);
      ({ state, starts } = arrive(reread, leg.number, play(1)(leg).end));
      waiting.push(...starts);
    }
    expect(state.decisions).toEqual(straight.decisions);
    expect(state.search.trials).toEqual(straight.search.trials);
  });

  it('decides the same whatever leg is quick, with any number of workers', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 6 }), fc.nat(), fc.nat(), (concurrency, a, b) => {
        const timed = (seed: number) => (leg: Leg) => ({ ...play(1)(leg), seconds: play(seed)(leg).seconds });
        const run = (seed: number) => simulate(sweep(method, { concurrency }), timed(seed)).state;
        const [first, second] = [run(a), run(b)];
        expect(second.decisions).toEqual(first.decisions);
        expect(second.search.trials.map(({ values }) => values)).toEqual(
          first.search.trials.map(({ values }) => values),
        );
      }),
      { seed: 1, numRuns: 10 },
    );
  });

  it('goes on when trials fail, and never trains a failed one again', () => {
    const failed = new Set<number>();
    const { state } = simulate(sweep(method, { concurrency: 2 }), (leg) => {
      expect(failed.has(leg.trial)).toBe(false);
      const answer = play(3, 0.3)(leg);
      if (answer.end.kind === 'failed') failed.add(leg.trial);
      return answer;
    });
    expect(state.ended).toBe('finished');
    expect(failed.size).toBeGreaterThan(0);
    expect(state.search.trials.filter((trial) => trial.state === 'failed').map(({ id }) => id)).toEqual(
      [...failed].sort((a, b) => a - b),
    );
  });

  it('tries first what somebody asks for, and gives up what somebody stops', () => {
    const wanted =
      method.kind === 'pbt'
        ? { kind: 'adam', rate: 0.01, batch: 8, blocks: 3 }
        : { kind: 'sgd', rate: 0.01, momentum: 0.9, batch: 8, blocks: 3 };
    let { state, starts } = command(sweep(method), { kind: 'add', values: [wanted] });
    expect(starts[0]?.values).toEqual(wanted);
    expect(state.search.budget).toBe(BUDGET + 1);
    ({ state } = command(state, { kind: 'stop-trial', trial: 0 }));
    expect(refusal(state, { kind: 'stop-trial', trial: 0 })).toMatch(/stopped/);
    ({ state, starts } = arrive(state, 0, { kind: 'stopped' }));
    const later = simulateFrom(state, starts);
    expect(later.filter(({ trial }) => trial === 0)).toEqual([]);
    expect(later.length).toBeGreaterThan(3);
  });

  it('keeps to a narrower space from then on', () => {
    const narrow: Space = {
      parameters: (method.kind === 'pbt' ? flat : full).parameters.map((each) =>
        each.name === 'rate' && each.domain.kind === 'float'
          ? { ...each, domain: { ...each.domain, high: 1e-3 } }
          : each,
      ),
      constraints: full.constraints,
    };
    const { state: before, starts } = fill(sweep(method));
    const { state } = command(before, { kind: 'space', space: narrow });
    for (const leg of simulateFrom(state, starts).filter(({ fromEpoch }) => fromEpoch === 0)) {
      if (leg.trial > 0) expect(isOf(narrow, leg.values)).toBe(true);
    }
  });

  it('stays small: the state of 20 trials is a few kilobytes', () => {
    const text = JSON.stringify(simulate(sweep(method), play(1)).state);
    expect(text.length).toBeLessThan(BUDGET * 600 + 3000);
  });
});

/** The legs that follow, played one after the other. */
function simulateFrom(start: SweepState, first: readonly Leg[]): Leg[] {
  const done: Leg[] = [];
  const waiting = [...first];
  let state = start;
  for (let leg = waiting.shift(); leg; leg = waiting.shift()) {
    done.push(leg);
    const step = arrive(state, leg.number, play(1)(leg).end);
    state = step.state;
    waiting.push(...step.starts);
  }
  return done;
}

describe('a sweep', () => {
  const random = methods['random']!;
  const trained = (value: number, epoch = EPOCHS): LegEnd => ({
    kind: 'trained',
    epoch,
    values: [value],
    ended: false,
    seconds: 60,
  });

  it('takes a result that comes early only after those before it', () => {
    let { state, starts } = fill(sweep(random, { concurrency: 3 }));
    expect(starts.map(({ number }) => number)).toEqual([0, 1, 2]);
    ({ state, starts } = arrive(state, 2, trained(0.5)));
    expect([starts, state.search.trials[2]?.state]).toEqual([[], 'running']);
    ({ state, starts } = arrive(state, 0, trained(0.5)));
    expect(starts.map(({ number }) => number)).toEqual([3]);
    ({ state, starts } = arrive(state, 1, trained(0.5)));
    expect(starts.map(({ number }) => number)).toEqual([4, 5]);
    expect(state.search.trials.slice(0, 3).map((trial) => trial.state)).toEqual(['done', 'done', 'done']);
  });

  it('takes it at once where that is wanted', () => {
    let { state, starts } = fill(sweep(random, { concurrency: 3, inOrder: false }));
    ({ state, starts } = arrive(state, 2, trained(0.5)));
    expect(starts.map(({ number }) => number)).toEqual([3]);
    expect(state.search.trials[2]?.state).toBe('done');
  });

  it.each([
    ['target', { target: 0.9 }, [0.5, 0.91], 'target'],
    ['patience', { patience: 2 }, [0.5, 0.4, 0.5], 'patience'],
    ['epochs', { epochs: 18 }, [0.5, 0.6], 'epochs'],
    ['cost', { cost: { perHour: 3, atMost: 0.1 } }, [0.5, 0.6], 'cost'],
  ] as const)('ends at its %s', (_, stop, values, reason) => {
    let { state, starts } = fill(sweep(random, { stop: { ...rules.stop, ...stop } }));
    for (const [index, value] of values.entries()) {
      expect(state.ended).toBeNull();
      ({ state, starts } = arrive(state, index, trained(value)));
    }
    expect([state.ended, starts]).toEqual([reason, []]);
  });

  it('tries a leg again that failed for a passing reason, and only so often', () => {
    let { state, starts } = fill(sweep(random, { retries: 1 }));
    const passing: LegEnd = { kind: 'failed', reason: 'WORKER_LOST', passing: true };
    ({ state, starts } = arrive(state, 0, passing));
    expect(starts).toMatchObject([{ number: 0, trial: 0, tries: 2 }]);
    ({ state, starts } = arrive(state, 0, passing));
    expect(starts).toMatchObject([{ number: 1, trial: 1, tries: 1 }]);
    expect(state.search.trials[0]).toMatchObject({ state: 'failed', reason: 'WORKER_LOST' });
  });

  it('takes a metric that is no number for a failed trial', () => {
    let { state } = fill(sweep(random));
    ({ state } = arrive(state, 0, trained(Number.NaN)));
    expect(state.search.trials[0]).toMatchObject({
      state: 'failed',
      reason: expect.stringContaining('METRIC_NONFINITE'),
    });
  });

  it('is given up when more trials fail than are allowed', () => {
    const { state } = simulate(sweep(random, { failuresAtMost: 0.5 }), () => ({
      end: { kind: 'failed', reason: 'x', passing: false },
      seconds: 1,
    }));
    expect([state.ended, state.search.trials.length]).toEqual(['failures', 4]);
  });

  it('starts nothing while it is paused, and goes on as if it had not been', () => {
    const straight = simulate(sweep(random), play(1)).state;
    let { state, starts } = fill(sweep(random));
    ({ state } = command(state, { kind: 'pause' }));
    ({ state, starts } = arrive(state, 0, play(1)(starts[0]!).end));
    expect(starts).toEqual([]);
    ({ state, starts } = command(state, { kind: 'resume' }));
    expect(starts).toHaveLength(1);
    expect(simulateFrom(state, starts).map(({ values }) => values)).toEqual(
      straight.search.trials.slice(1).map(({ values }) => values),
    );
  });

  it('makes more trials when its budget is raised, and refuses what it can’t do', () => {
    let state: SweepState = fill(sweep(random, { budget: 1 })).state;
    expect(refusal(state, { kind: 'budget', trials: 0 })).toMatch(/1 trials were made/);
    ({ state } = command(state, { kind: 'budget', trials: 2 }));
    const step = arrive(state, 0, trained(0.1));
    expect(step.starts).toHaveLength(1);
    expect(refusal(step.state, { kind: 'add', values: [{ rate: 7 }] })).toMatch(/not in the space/);
    expect(refusal(step.state, { kind: 'stop-trial', trial: 9 })).toMatch(/no trial 9/);
    const { state: over } = arrive(step.state, 1, trained(0.1));
    expect([over.ended, refusal(over, { kind: 'pause' })]).toEqual(['finished', expect.stringContaining('over')]);
  });
});

it('a state of 2,000 trials with 12 parameters fits a Temporal payload of 2 MB', () => {
  const parameters = Array.from({ length: 12 }, (_, i) => ({
    name: `train.optimizer.parameter${i}`,
    domain: { kind: 'float', low: 0, high: 1, log: false, step: 0.0001 } as const,
    when: null,
    points: null,
  }));
  const search: SearchState = openSearch({
    method: methods['asha']!,
    seed: 1,
    objectives: [{ metric: 'validation.accuracy', goal: 'maximize' }],
    epochs: 27,
    budget: 2000,
    space: { parameters, constraints: [] },
  });
  const { state } = fill(openSweep(search, { ...rules, concurrency: 2000 }));
  const reports = [1, 3, 9, 27].map((epoch) => ({ epoch, values: [0.9123456789012345] }));
  const trials = state.search.trials.map((trial) => ({ ...trial, reports }));
  const whole: SweepState = { ...state, running: [], search: { ...state.search, trials } };
  expect(trials).toHaveLength(2000);
  expect(JSON.stringify(whole).length).toBeLessThan(2_000_000);
});
