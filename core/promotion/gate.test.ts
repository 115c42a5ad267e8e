import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { judge } from './gate.ts';
import type { ChampionState, GateRules, Scores } from './gate.ts';

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
  allowClassMapChange: false,
  ...overrides,
});
const challenger = (overrides: Partial<Scores> = {}) => ({ scores: scores(overrides), classes: ['cat', 'dog'] });
const none: ChampionState = { kind: 'none' };
const scored = (overrides: Partial<Scores> = {}): ChampionState => ({
  kind: 'scored',
  version: 3,
  scores: scores(overrides),
});

describe('floors', () => {
  it('refuse what is below and pass what reaches them, each with its numbers', () => {
    const verdict = judge(challenger(), none, rules({ minimum: { accuracy: 0.9, macroF1: 0.95 } }));
    expect(verdict.decision).toBe('refuse');
    expect(verdict.rules).toEqual([
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
