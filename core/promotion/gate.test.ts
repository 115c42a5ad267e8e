import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { judge } from './gate.ts';
import type { ChampionState, GateRules, SameTestSet, Scores } from './gate.ts';
import type { Cost } from './rules.ts';

const scores = (overrides: Partial<Scores> = {}): Scores => ({
  accuracy: 0.9,
  top5: 1,
  macroF1: 0.88,
  macroPrecision: 0.89,
  macroRecall: 0.87,
  ...overrides,
});
const rules = (overrides: Partial<GateRules> = {}): GateRules => ({
  minimum: {},
  noWorseThanChampion: { accuracy: 0 },
  betterThanChampion: null,
  noClassWorse: null,
  noSliceWorse: null,
  limits: { sizeMb: null, latencyMs: null },
  allowClassMapChange: false,
  ...overrides,
});
const challenger = (overrides: Partial<Scores> = {}, cost: Cost = { sizeBytes: 5e6, latencyMs: null }) => ({
  scores: scores(overrides),
  classes: ['cat', 'dog'],
  cost,
});
/** 40 images, 20 of each class; `right` says how many of each class a model gets right, the first ones. */
const LABELS = Array.from({ length: 40 }, (_, row) => row % 2);
const given = (cats: number, dogs: number): number[] =>
  LABELS.map((label, row) => (Math.floor(row / 2) < (label === 0 ? cats : dogs) ? label : 1 - label));
const testSet = (ours: number[], theirs: number[]): SameTestSet => ({
  answers: { classes: 2, labels: LABELS, challenger: ours, champion: theirs },
  paths: LABELS.map((_, row) => `${row < 30 ? 'day' : 'night'}/${row}.jpg`),
});
const none: ChampionState = { kind: 'none' };
const scored = (overrides: Partial<Scores> = {}): Extract<ChampionState, { kind: 'scored' }> => ({
  kind: 'scored',
  version: 3,
  scores: scores(overrides),
  test: testSet(given(10, 10), given(10, 10)),
});

describe('floors', () => {
  it('refuse what is below and pass what reaches them, each with its numbers', () => {
    const verdict = judge(challenger(), none, rules({ minimum: { accuracy: 0.9, macroF1: 0.95 } }));
    expect(verdict.decision).toBe('refuse');
    expect(verdict.rules).toMatchObject([
      { rule: 'minimum.accuracy', passed: true, explanation: 'accuracy 0.9000 reaches the floor 0.9000' },
      { rule: 'minimum.macroF1', passed: false, explanation: 'macroF1 0.8800 is below the floor 0.9500' },
      { rule: 'champion', passed: true, explanation: 'there is no champion yet: the floors alone decide' },
    ]);
  });

  it('know every metric', () => {
    const floor = { accuracy: 1, top5: 1, macroF1: 1, macroPrecision: 1, macroRecall: 1 };
    const verdict = judge(challenger(), none, rules({ minimum: floor }));
    expect(verdict.rules.filter(({ passed }) => !passed).map(({ rule }) => rule)).toEqual([
      'minimum.accuracy',
      'minimum.macroF1',
      'minimum.macroPrecision',
      'minimum.macroRecall',
    ]);
  });

  it('refuse a score that is no number', () => {
    expect(judge(challenger({ accuracy: Number.NaN }), none, rules({ minimum: { accuracy: 0 } })).decision).toBe(
      'refuse',
    );
  });
});

describe('against the champion', () => {
  it('a first model is promoted', () => {
    expect(judge(challenger(), none, rules()).decision).toBe('promote');
  });

  it('a tie passes, a hair less does not', () => {
    expect(judge(challenger(), scored(), rules()).decision).toBe('promote');
    expect(judge(challenger({ accuracy: 0.899 }), scored(), rules()).decision).toBe('refuse');
    expect(judge(challenger({ accuracy: Number.NaN }), scored(), rules()).decision).toBe('refuse');
  });

  it('a margin allows a fall, up to rounding', () => {
    const allowed = rules({ noWorseThanChampion: { accuracy: 0.1 } });
    expect(judge(challenger({ accuracy: 0.8 }), scored({ accuracy: 0.9 }), allowed).decision).toBe('promote');
    expect(judge(challenger({ accuracy: 0.3 }), scored({ accuracy: 0.1 + 0.3 }), allowed).decision).toBe('promote');
    expect(judge(challenger({ accuracy: 0.7999 }), scored({ accuracy: 0.9 }), allowed).decision).toBe('refuse');
  });

  it('every named metric counts, and only those', () => {
    const both = rules({ noWorseThanChampion: { accuracy: 0, macroF1: 0 } });
    const verdict = judge(challenger({ macroF1: 0.5, top5: 0 }), scored(), both);
    expect(verdict.rules.map(({ rule, passed }) => [rule, passed])).toEqual([
      ['noWorseThanChampion.accuracy', true],
      ['noWorseThanChampion.macroF1', false],
    ]);
    expect(verdict.rules[1]?.explanation).toBe(
      'macroF1 0.5000 against 0.8800 of version 3 on the same test set (may fall by 0.0000)',
    );
  });

  it('the champion itself passes without a comparison, floors still count', () => {
    const itself: ChampionState = { kind: 'itself', version: 2 };
    expect(judge(challenger(), itself, rules()).decision).toBe('promote');
    expect(judge(challenger(), itself, rules({ minimum: { accuracy: 0.95 } })).decision).toBe('refuse');
  });

  it('floors and champion must both pass', () => {
    const high = rules({ minimum: { accuracy: 0.95 } });
    expect(judge(challenger(), scored({ accuracy: 0.1 }), high).decision).toBe('refuse');
  });
});

describe('better beyond noise', () => {
  const better = { metric: 'accuracy', margin: 0, confidence: 0.95, resamples: 400 } as const;
  const verdictOf = (ours: number[], theirs: number[], rule: GateRules['betterThanChampion'] = better) =>
    judge(
      challenger(),
      { ...scored(), test: testSet(ours, theirs) },
      rules({ noWorseThanChampion: {}, betterThanChampion: rule }),
    );

  it('is seen where enough images went one way', () => {
    const verdict = verdictOf(given(20, 18), given(14, 14));
    expect(verdict.rules.map(({ rule, passed }) => [rule, passed])).toEqual([
      ['betterThanChampion.accuracy', true],
      ['betterThanChampion.mcnemar', true],
    ]);
    expect(verdict.rules[0]?.explanation).toMatch(
      /^accuracy \+0\.2500 against version 3 on the same 40 images \(at 95 % confidence at least \+0\.1\d{3}, must be above \+0\.0000\)$/,
    );
    expect(verdict.rules[1]?.explanation).toBe(
      '10 images right that version 3 gets wrong, 0 the other way, p 0.0010 (at most 0.0500)',
    );
  });

  it('is not seen in a tie, and says what it would take', () => {
    expect(verdictOf(given(15, 15), given(15, 15)).rules).toMatchObject([
      { passed: false, numbers: { change: 0, lower: 0, margin: 0, images: 40 } },
      { passed: false, explanation: expect.stringContaining('0 differing images can show nothing') },
    ]);
  });

  it('is not believed of four images, though the bootstrap would', () => {
    const verdict = verdictOf(given(15, 15), given(13, 13));
    expect(verdict.rules.map(({ passed }) => passed)).toEqual([true, false]);
    expect(verdict.decision).toBe('refuse');
    expect(verdict.rules[1]?.explanation).toContain('p 0.0625 (at most 0.0500): 4 differing images can show nothing');
  });

  it('may be asked by a margin, or only that it is not worse by more than one', () => {
    const [ours, theirs] = [given(20, 18), given(14, 14)];
    expect(verdictOf(ours, theirs, { ...better, margin: 0.2 }).decision).toBe('refuse');
    expect(verdictOf(theirs, theirs, { ...better, margin: -0.05 }).rules).toHaveLength(1);
    expect(verdictOf(theirs, theirs, { ...better, margin: -0.05 }).decision).toBe('promote');
    expect(verdictOf(theirs, ours, { ...better, margin: -0.05 }).decision).toBe('refuse');
  });

  it('may be asked of macro F1', () => {
    const verdict = verdictOf(given(20, 18), given(14, 14), { ...better, metric: 'macroF1' });
    expect(verdict.rules).toMatchObject([{ rule: 'betterThanChampion.macroF1', passed: true }]);
  });
});

describe('no part worse', () => {
  const fall = { mayFall: 0.05, confidence: 0.95 };
  const verdictOf = (ours: number[], theirs: number[], overrides: Partial<GateRules>) =>
    judge(challenger(), { ...scored(), test: testSet(ours, theirs) }, rules({ noWorseThanChampion: {}, ...overrides }));

  it('refuses what is better on the whole and lost a class', () => {
    const verdict = verdictOf(given(20, 8), given(5, 18), { noClassWorse: fall });
    expect(verdict.rules).toMatchObject([{ rule: 'noClassWorse', passed: false, numbers: { parts: 2, fallen: 1 } }]);
    expect(verdict.rules[0]?.explanation).toBe(
      '1 of 2 fell: dog −0.5000 on 20 images (10 lost, 0 won, p 0.0010) (may fall by 0.0500, p at most 0.0250)',
    );
  });

  it('lets a fall pass that chance explains, and one that is allowed', () => {
    expect(verdictOf(given(20, 15), given(5, 18), { noClassWorse: fall }).decision).toBe('promote');
    expect(verdictOf(given(20, 8), given(5, 18), { noClassWorse: { ...fall, mayFall: 0.5 } }).decision).toBe('promote');
  });

  it('looks at slices by the paths of their images', () => {
    const noSliceWorse = { ...fall, by: '^(day|night)/' };
    const verdict = verdictOf(given(15, 15), given(20, 20), { noSliceWorse });
    expect(verdict.rules[0]?.explanation).toMatch(
      /^1 of 2 fell: night −1\.0000 on 10 images \(10 lost, 0 won, p 0\.0010\)/,
    );
    const none = verdictOf(given(15, 15), given(20, 20), { noSliceWorse: { ...fall, by: '(dusk)' } });
    expect(none.rules[0]?.passed).toBe(true);
  });
});

describe('limits', () => {
  const limits = { sizeMb: 5, latencyMs: 2 };
  const verdictOf = (cost: Cost) => judge(challenger({}, cost), none, rules({ limits })).rules.slice(0, 2);

  it('are of size and latency, as measured', () => {
    expect(verdictOf({ sizeBytes: 5e6, latencyMs: 2 }).map(({ passed }) => passed)).toEqual([true, true]);
    expect(verdictOf({ sizeBytes: 5e6 + 1e4, latencyMs: 2.5 })).toMatchObject([
      { rule: 'limits.sizeMb', passed: false, explanation: '5.01 MB of weights, at most 5' },
      { rule: 'limits.latencyMs', passed: false, numbers: { value: 2.5, limit: 2 } },
    ]);
  });

  it('that could not be measured are not passed', () => {
    expect(verdictOf({ sizeBytes: 1, latencyMs: null })[1]).toMatchObject({ passed: false });
  });
});

describe('a champion that can’t be read', () => {
  it('refuses, and is never taken for none', () => {
    const state: ChampionState = { kind: 'unreadable', version: 3, why: 'its weights are gone' };
    const verdict = judge(challenger(), state, rules());
    expect(verdict.decision).toBe('refuse');
    expect(verdict.rules[0]?.explanation).toContain("(version 3) can't be compared with: its weights are gone");
  });
});

describe('no rule at all', () => {
  it('promotes, and says so', () => {
    expect(judge(challenger(), scored({ accuracy: 1 }), rules({ noWorseThanChampion: {} }))).toEqual({
      decision: 'promote',
      rules: [{ rule: 'no-rule', passed: true, explanation: 'no rule is set: every model is promoted' }],
    });
  });
});

describe('other classes', () => {
  const state = (...classes: string[]): ChampionState => ({ kind: 'other-classes', version: 4, classes });
  const explained = (champion: ChampionState): string =>
    judge(challenger(), champion, rules()).rules[0]?.explanation ?? '';

  it('are refused unless they are allowed', () => {
    expect(judge(challenger(), state('cat'), rules()).decision).toBe('refuse');
    expect(judge(challenger(), state('cat'), rules({ allowClassMapChange: true })).decision).toBe('promote');
  });

  it('are told by name', () => {
    expect(explained(state('cat'))).toBe('the champion (version 4) knows no dog');
    expect(explained(state('cat', 'dog', 'bird'))).toBe('the champion (version 4) knows also bird');
    expect(explained(state('bird', 'cat'))).toBe('the champion (version 4) knows no dog and also bird');
    expect(explained(state('dog', 'cat'))).toBe('the champion (version 4) knows the same classes in another order');
  });
});

describe('a decision', () => {
  it('is to promote exactly where every rule passed', () => {
    const share = fc.double({ min: 0, max: 1, noNaN: true });
    const anyState = fc.oneof(
      fc.constant(none),
      fc.constant<ChampionState>({ kind: 'itself', version: 1 }),
      share.map((accuracy) => scored({ accuracy })),
      fc.constant<ChampionState>({ kind: 'other-classes', version: 1, classes: ['x'] }),
    );
    fc.assert(
      fc.property(
        share,
        share,
        share,
        fc.boolean(),
        anyState,
        (accuracy, floor, margin, allowClassMapChange, state) => {
          const set = rules({
            minimum: { accuracy: floor },
            noWorseThanChampion: { accuracy: margin },
            allowClassMapChange,
          });
          const verdict = judge(challenger({ accuracy }), state, set);
          expect(verdict.decision === 'promote').toBe(verdict.rules.every(({ passed }) => passed));
          if (verdict.decision === 'promote') expect(accuracy).toBeGreaterThanOrEqual(floor);
        },
      ),
      { seed: 8 },
    );
  });
});
