import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Result } from '../result.ts';
import type { GraftError } from '../errors.ts';
import { allSides, assignSides } from './split.ts';
import type { Place, Side, Split, SplitRules } from './split.ts';
import { SplitUnits, unitOf } from './split-units.ts';
import type { SplitItem } from './split-units.ts';

const rules: SplitRules = { test: 0.2, validation: 0.1, stratify: true, seed: 1 };

interface Sides extends Split {
  readonly sides: ReadonlyMap<string, Side>;
}

/** Splits, with the sides by the names of units. */
function split(
  items: readonly SplitItem[],
  options = rules,
  parent: ReadonlyMap<string, Side> = new Map(),
  alike: readonly (readonly string[])[] = [],
): Result<Sides, GraftError> {
  const units = new SplitUnits();
  for (const item of items) units.add(item);
  const kept = new Map([...parent].map(([name, side]): [number, Place] => [units.numberOf(name), { side }]));
  const numbers = alike.map((names) => names.map((name) => units.numberOf(name)));
  const result = assignSides(units, options, { kept, alike: numbers });
  if (!result.ok) return result;
  const sides = new Map<string, Side>();
  for (const [unit, name] of units.names.entries()) {
    const place = result.value.placeOf(unit);
    if (place !== null) sides.set(name, place.side);
  }
  return { ok: true, value: { ...result.value, sides } };
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

  it('keeps pictures that look alike together, as the shares say', () => {
    const items = itemsOf({ a: 60, b: 60 });
    const alike = [
      ['a-1', 'a-2', 'a-3'],
      ['b-7', 'a-9'],
    ];
    const { sides, torn } = value(split(items, rules, new Map(), alike));
    for (const names of alike) expect(new Set(names.map((name) => sides.get(name))).size).toBe(1);
    expect(torn).toBe(0);
  });

  it('moves no picture for the sake of one that looks like it, and trains with those between two sides', () => {
    const items = itemsOf({ a: 40, b: 40 });
    const before = value(split(items)).sides;
    const onSide = (side: Side) => [...before].find(([, at]) => at === side)![0];
    const [trained, tested] = [onSide('train'), onSide('test')];
    const more = ['like test', 'between'].map((sha256) => ({ label: 'a', sha256 }));
    const grown = [...items, ...more];
    const one = value(split(grown, rules, before, [[tested, 'like test']]));
    expect(one.sides.get('like test')).toBe('test');
    const two = value(split(grown, rules, before, [[trained, tested, 'between']]));
    expect([two.sides.get('between'), two.sides.get(tested), two.torn]).toEqual(['train', 'test', 1]);
  });

  it('takes given sides as they are, and deals what nobody was given out of the training items', () => {
    const given = itemsOf({ a: 50, b: 50 }).map(
      (item, i) => ({ ...item, side: i % 5 ? 'train' : 'test' }) as SplitItem,
    );
    const { sides, counts } = value(split(given));
    for (const item of given) if (item.side === 'test') expect(sides.get(item.sha256)).toBe('test');
    expect(counts).toEqual({ train: 70, validation: 10, test: 20 });
    const ignored = value(split(given, { ...rules, given: 'ignore' })).sides;
    expect(given.some(({ sha256, side }) => side === 'test' && ignored.get(sha256) !== 'test')).toBe(true);
    const copied = [...given, { label: 'a', sha256: given[0]!.sha256, side: 'train' } as SplitItem];
    expect(value(split(copied)).sides.get(given[0]!.sha256)).toBe('test');
  });

  it('deals every unit into one fold, each fold within one item of its share, and validates with one', () => {
    const items = itemsOf({ a: 43, b: 31 });
    const folds = [0, 1, 2, 3].map((index) => value(split(items, { ...rules, folds: { count: 4, index } })).sides);
    for (const { sha256 } of items) {
      const sides = folds.map((fold) => fold.get(sha256));
      const tested = sides.every((side) => side === 'test');
      if (!tested) expect([...sides].sort()).toEqual(['train', 'train', 'train', 'validation']);
    }
    for (const label of ['a-', 'b-']) {
      const sizes = folds.map(
        (f) => [...f].filter(([name, side]) => side === 'validation' && name.startsWith(label)).length,
      );
      expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(2);
    }
  });

  it('has the rare classes of boxes on every side where there are enough, and all kinds of size', () => {
    const boxed = Array.from({ length: 200 }, (_, i): SplitItem => {
      const labels = ['car', ...(i % 3 ? [] : ['person']), ...(i % 20 ? [] : ['train'])];
      const boxes = labels.map((label) => ({ label, xMin: 0, yMin: 0, xMax: 1, yMax: 1 }));
      const [width, height] = i % 4 ? [640, 480] : [1920, 1080];
      return { label: '', sha256: `${i}`, boxes, width, height };
    });
    const { perClass, sides } = value(split(boxed));
    expect(perClass.get('train')!.test).toBeGreaterThanOrEqual(1);
    expect(perClass.get('train')!.validation).toBeGreaterThanOrEqual(1);
    expect(Math.abs(perClass.get('person')!.test - 0.2 * 67)).toBeLessThan(3);
    const large = boxed.filter(({ width, sha256 }) => width === 1920 && sides.get(sha256) === 'test').length;
    expect(Math.abs(large - 0.2 * 50)).toBeLessThan(3);
  });

  it('covers the variety of sizes without leaving the shares of the classes', () => {
    const size = fc.constantFrom([64, 64], [640, 480], [480, 640], [1920, 1080]);
    fc.assert(
      fc.property(fc.array(size, { minLength: 40, maxLength: 160 }), someRules, (sizes, options) => {
        const items = sizes.map(([width = 0, height = 0], i) => ({ label: `${i % 2}`, sha256: `${i}`, width, height }));
        expect(worstDeviation(value(split(items, options)), options)).toBeLessThan(1);
      }),
    );
  });
});
