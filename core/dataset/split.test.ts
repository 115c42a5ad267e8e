import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Result } from '../result.ts';
import type { GraftError } from '../errors.ts';
import { allSides, assignSides } from './split.ts';
import type { Side, Split, SplitRules } from './split.ts';
import { SplitUnits, unitOf } from './split-units.ts';
import type { SplitItem } from './split-units.ts';

const rules: SplitRules = { test: 0.2, validation: 0.1, stratify: true, seed: 1 };

function split(items: readonly SplitItem[], options = rules, parent?: ReadonlyMap<string, Side>) {
  const units = new SplitUnits();
  for (const item of items) units.add(item);
  return assignSides(units, options, parent);
}

function value<T>(result: Result<T, GraftError>): T {
  if (!result.ok) throw result.error;
  return result.value;
}

const code = (result: Result<Split, GraftError>) => (result.ok ? null : result.error.code);

const itemsOf = (counts: Record<string, number>, prefix = ''): SplitItem[] =>
  Object.entries(counts).flatMap(([label, count]) =>
    Array.from({ length: count }, (_, i) => ({ label, sha256: `${prefix}${label}-${i}` })),
  );

const heldOut = new Map<string, Side>([['held out', 'test']]);

const sharesOf = ({ test, validation }: SplitRules): Record<Side, number> => ({
  train: 1 - test - validation,
  validation,
  test,
});

/** How far a class is from its exact shares, in items, at worst. */
function worstDeviation({ perClass }: Split, options: SplitRules): number {
  let worst = 0;
  for (const counts of perClass.values()) {
    const total = allSides.reduce((sum, side) => sum + counts[side], 0);
    for (const side of allSides) worst = Math.max(worst, Math.abs(counts[side] - sharesOf(options)[side] * total));
  }
  return worst;
}

const someRules = fc
  .record({
    test: fc.double({ min: 0.05, max: 0.4, noNaN: true }),
    validation: fc.double({ min: 0.05, max: 0.4, noNaN: true }),
    seed: fc.nat(),
  })
  .map((choice): SplitRules => ({ ...choice, stratify: true }));

const someCounts = (min: number, max: number) =>
  fc.array(fc.integer({ min, max }), { minLength: 1, maxLength: 5 }).map((counts) => {
    return Object.fromEntries(counts.map((count, i) => [`class ${i}`, count]));
  });

const groupedItems = fc
  .array(fc.record({ group: fc.nat({ max: 40 }), content: fc.nat({ max: 90 }) }), {
    minLength: 20,
    maxLength: 80,
  })
  .map((items) =>
    items.map(({ group, content }): SplitItem => {
      const item = { label: 'a', sha256: `content ${content}` };
      return group < 10 ? item : { ...item, group: `group ${group}` };
    }),
  )
  // However much is joined by shared pictures, there is something for each side.
  .map((items) => [...items, ...itemsOf({ a: 3 })]);

describe('assignSides', () => {
  it('splits 10 classes of 125 as the shares say', () => {
    const counts = Object.fromEntries(Array.from({ length: 10 }, (_, digit) => [String(digit), 125]));
    const { counts: sides, perClass } = value(split(itemsOf(counts)));
    for (const each of perClass.values()) {
      expect(each.test).toBe(25);
      expect([12, 13]).toContain(each.validation);
      expect(each.train + each.validation).toBe(100);
    }
    expect(sides.train + sides.validation + sides.test).toBe(1250);
  });

  it('is the same for any order of the items, and another for another seed', () => {
    fc.assert(
      fc.property(groupedItems, fc.nat(), (items, rotation) => {
        const turn = rotation % items.length;
        const turned = [...items.slice(turn), ...items.slice(0, turn)].reverse();
        const a = split(items, { ...rules, stratify: false });
        const b = split(turned, { ...rules, stratify: false });
        expect([...value(b).sides].sort()).toEqual([...value(a).sides].sort());
      }),
      { numRuns: 50 },
    );
    const items = itemsOf({ a: 50, b: 50 });
    const other = value(split(items, { ...rules, seed: 2 })).sides;
    expect([...other].some(([unit, side]) => value(split(items)).sides.get(unit) !== side)).toBe(true);
  });

  it('keeps every class within one unit of its exact shares', () => {
    fc.assert(
      fc.property(someCounts(20, 200), someRules, (counts, options) => {
        expect(worstDeviation(value(split(itemsOf(counts), options)), options)).toBeLessThan(1);
      }),
    );
  });

  it('keeps every side as data grow, and stays within one unit of the shares', () => {
    fc.assert(
      fc.property(
        someCounts(20, 60),
        fc.array(fc.nat({ max: 30 }), { minLength: 5, maxLength: 5 }),
        fc.nat({ max: 40 }),
        someRules,
        (counts, more, fresh, options) => {
          const before = value(split(itemsOf(counts), options));
          const grown = Object.fromEntries(Object.entries(counts).map(([label, n], i) => [label, n + (more[i] ?? 0)]));
          if (fresh >= 20) grown['class new'] = fresh;
          const after = value(split(itemsOf(grown), options, before.sides));
          for (const [unit, side] of before.sides) expect(after.sides.get(unit)).toBe(side);
          expect(worstDeviation(after, options)).toBeLessThan(1);
        },
      ),
    );
  });

  it('gives every class of three units or more something on each side', () => {
    fc.assert(
      fc.property(someCounts(3, 12), someRules, (counts, options) => {
        for (const each of value(split(itemsOf(counts), options)).perClass.values()) {
          for (const side of allSides) expect(each[side]).toBeGreaterThan(0);
        }
      }),
    );
  });

  it('never splits a group, nor copies of a picture', () => {
    fc.assert(
      fc.property(groupedItems, fc.nat(), (items, seed) => {
        const { sides } = value(split(items, { ...rules, seed, stratify: false }));
        const byContent = new Map<string, Set<Side | undefined>>();
        for (const item of items) {
          const known = byContent.get(item.sha256) ?? new Set();
          byContent.set(item.sha256, known.add(sides.get(unitOf(item))));
        }
        for (const seen of byContent.values()) expect(seen.size).toBe(1);
      }),
      { numRuns: 50 },
    );
  });

  it('remembers units that are gone for a while', () => {
    const items = itemsOf({ a: 30, b: 30 });
    const before = value(split(items)).sides;
    const during = value(split(items.slice(5), rules, before)).sides;
    expect(value(split(items, rules, during)).sides).toEqual(before);
  });

  it('refuses a class of two pictures, and names it', () => {
    const result = split(itemsOf({ plenty: 30, few: 2 }));
    expect(code(result)).toBe('DATASET_SPLIT');
    expect(!result.ok && result.error.message).toContain('"few" (2 distinct');
  });

  it('refuses many copies of one picture as a class', () => {
    const copies = Array.from({ length: 50 }, () => ({ label: 'same', sha256: 'one' }));
    expect(code(split([...itemsOf({ plenty: 30 }), ...copies]))).toBe('DATASET_SPLIT');
  });

  it('refuses shares that leave nothing for training', () => {
    expect(code(split(itemsOf({ a: 30 }), { ...rules, test: 0.6, validation: 0.4 }))).toBe('DATASET_SPLIT');
  });

  it('refuses a class without a training image where classes are not stratified', () => {
    const result = split(
      [...itemsOf({ a: 40 }), { label: 'b', sha256: 'held out' }],
      { ...rules, stratify: false },
      heldOut,
    );
    expect(code(result)).toBe('DATASET_SPLIT');
  });

  it('refuses an empty side where classes are not stratified', () => {
    expect(code(split(itemsOf({ a: 1, b: 1 }), { ...rules, stratify: false }))).toBe('DATASET_SPLIT');
  });

  it('refuses a picture that joins two groups on different sides', () => {
    const groups = Array.from({ length: 12 }, (_, g) =>
      Array.from({ length: 4 }, (_, i) => ({ label: 'a', sha256: `${g}/${i}`, group: `g${g}` })),
    ).flat();
    const before = value(split(groups)).sides;
    const trained = [...before].find(([, side]) => side === 'train')?.[0];
    const tested = [...before].find(([, side]) => side === 'test')?.[0];
    const shared = [trained, tested].map((group) => ({ label: 'a', sha256: 'shared', group: group ?? '' }));
    expect(code(split([...groups, ...shared], rules, before))).toBe('DATASET_LEAK');
  });

  it('puts a new picture of a known group on the side of its group', () => {
    const groups = Array.from({ length: 40 }, (_, g) => ({ label: 'a', sha256: `${g}`, group: `g${g}` }));
    const before = value(split(groups)).sides;
    const more = groups.map((item, i) => ({ ...item, sha256: `more ${i}` }));
    expect(value(split([...groups, ...more], rules, before)).sides).toEqual(before);
  });
});
