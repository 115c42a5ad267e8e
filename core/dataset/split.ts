import type { GraftError } from '../errors.ts';
import { inputError } from '../errors.ts';
import type { Result } from '../result.ts';
import { err, ok } from '../result.ts';
import { purposeWord, stream } from '../rng.ts';
import { compareText, sortedClasses } from './order.ts';
import type { Component, SplitUnits } from './split-units.ts';

export type Side = 'train' | 'validation' | 'test';
export const allSides: readonly Side[] = ['train', 'validation', 'test'];

export interface SplitRules {
  /** Shares of the items, each in (0, 1), together below 1; the rest is for training. */
  readonly test: number;
  readonly validation: number;
  /** Keep the shares within every class. */
  readonly stratify: boolean;
  readonly seed: number;
}

export type SideCounts = Record<Side, number>;

export interface Split {
  /** Every unit ever assigned, those of the parent included: a unit that comes back finds its side again. */
  readonly sides: ReadonlyMap<string, Side>;
  readonly classes: readonly string[];
  /** Items a side. */
  readonly counts: Readonly<SideCounts>;
  readonly perClass: ReadonlyMap<string, Readonly<SideCounts>>;
}

/**
 * A stratified, grouped split that is stable as data grows: units keep the side of `parent`, and only new ones are
 * assigned. These come in the order of a keyed hash of their name and go to the side with the largest deficit
 * (share × items of the class − items it has), so every class stays within one unit of its exact shares; a side that
 * a class has nothing on comes first.
 *
 * DATASET_SPLIT (input) where a class can't be on every side, or the shares leave nothing for training; DATASET_LEAK
 * (input) where two groups on different sides share a picture.
 */
export function assignSides(
  units: SplitUnits,
  rules: SplitRules,
  parent: ReadonlyMap<string, Side> = new Map(),
): Result<Split, GraftError> {
  const train = 1 - rules.test - rules.validation;
  if (train <= 0) {
    const seen = `test ${rules.test} + validation ${rules.validation} leave nothing for training`;
    return err(inputError('DATASET_SPLIT', 'dataset.split', seen, 'a sum below 1', 'lower one of them'));
  }
  const ledger = new Ledger({ train, validation: rules.validation, test: rules.test }, rules.stratify);
  const sides = new Map(parent);
  const fresh: Component[] = [];
  for (const component of units.components()) {
    ledger.expect(component);
    const kept = keptSide(component, parent);
    if (!kept.ok) return kept;
    if (kept.value === null) fresh.push(component);
    else place(component, kept.value, sides, ledger);
  }
  for (const component of inHashOrder(fresh, rules.seed)) place(component, ledger.choose(component), sides, ledger);
  const problem = ledger.problem();
  if (problem !== null) return err(problem);
  const classes = sortedClasses(ledger.classes.keys());
  const perClass = new Map(classes.map((label) => [label, { ...ledger.of(label).items }]));
  return ok({ sides, classes, counts: ledger.counts(), perClass });
}

function place(component: Component, side: Side, sides: Map<string, Side>, ledger: Ledger): void {
  for (const unit of component.units) sides.set(unit, side);
  ledger.place(component, side);
}

/** The side that the parent split gave to any unit of the component. */
function keptSide(component: Component, parent: ReadonlyMap<string, Side>): Result<Side | null, GraftError> {
  let kept: { unit: string; side: Side } | null = null;
  for (const unit of component.units) {
    const side = parent.get(unit);
    if (side === undefined) continue;
    if (kept !== null && kept.side !== side) {
      const seen = `${kept.unit} is on the side ${kept.side} and ${unit} on ${side}, but they share a picture`;
      const remedy = 'remove the picture from one of them, or choose another dataset.split.seed for a new split';
      return err(inputError('DATASET_LEAK', 'dataset.split', seen, 'no picture on two sides', remedy));
    }
    kept ??= { unit, side };
  }
  return ok(kept?.side ?? null);
}

/** New components by a 32-bit keyed hash of their name, then by name: the same for any order of the input. */
function inHashOrder(components: readonly Component[], seed: number): Component[] {
  const { words } = stream(seed, 'split');
  return components
    .map((component) => ({ component, rank: words(0, purposeWord(component.name))[0] }))
    .sort((a, b) => a.rank - b.rank || compareText(a.component.name, b.component.name))
    .map(({ component }) => component);
}

/** A class, or the whole. */
interface Stratum {
  total: number;
  units: number;
  readonly items: SideCounts;
}

const noItems = (): SideCounts => ({ train: 0, validation: 0, test: 0 });

/** The sides that a stratum has nothing on yet, so that a small class is not left out of one; else all. */
function candidates(strata: readonly { readonly state: Stratum }[]): readonly Side[] {
  let allowed = allSides;
  for (const { state } of strata) {
    const lacking = allSides.filter((side) => state.items[side] === 0);
    const both = allowed.filter((side) => lacking.includes(side));
    if (both.length > 0) allowed = both;
  }
  return allowed;
}

/** Who has how much: the running counts that choices and checks rest on. */
class Ledger {
  readonly classes = new Map<string, Stratum>();
  private readonly shares: Readonly<SideCounts>;
  private readonly stratify: boolean;
  private readonly overall: Stratum = { total: 0, units: 0, items: noItems() };

  constructor(shares: Readonly<SideCounts>, stratify: boolean) {
    this.shares = shares;
    this.stratify = stratify;
  }

  of(label: string): Stratum {
    let state = this.classes.get(label);
    if (state === undefined) this.classes.set(label, (state = { total: 0, units: 0, items: noItems() }));
    return state;
  }

  /** Counts a component into the totals that shares are taken of. */
  expect(component: Component): void {
    for (const { state, count } of this.touched(component)) {
      state.total += count;
      state.units += 1;
    }
  }

  place(component: Component, side: Side): void {
    for (const { state, count } of this.touched(component)) {
      state.items[side] += count;
    }
  }

  choose(component: Component): Side {
    const strata = this.touched(component).filter(({ state }) => (state === this.overall) !== this.stratify);
    let best: Side = 'train';
    let bestScore = -Infinity;
    for (const side of candidates(strata)) {
      // How much of what the side lacks the component would bring.
      let score = 0;
      for (const { state, count } of strata) score += count * (this.shares[side] * state.total - state.items[side]);
      // On a tie the side named first stays.
      if (score > bestScore) [best, bestScore] = [side, score];
    }
    return best;
  }

  /** The classes of a component, and the whole. */
  private touched({ items }: Component): { state: Stratum; count: number }[] {
    const all = items.reduce((sum, { count }) => sum + count, 0);
    return [
      ...items.map(({ label, count }) => ({ state: this.of(label), count })),
      { state: this.overall, count: all },
    ];
  }

  counts(): SideCounts {
    return { ...this.overall.items };
  }

  /** DATASET_SPLIT that names the classes a side is without. */
  problem(): GraftError | null {
    const needed: readonly Side[] = this.stratify ? allSides : ['train'];
    const lacking: string[] = [];
    for (const label of sortedClasses(this.classes.keys())) {
      const { items, units, total } = this.of(label);
      const without = needed.filter((side) => items[side] === 0);
      const size = units === total ? `${total} distinct` : `${total} in ${units} units`;
      if (without.length > 0) lacking.push(`${JSON.stringify(label)} (${size}; none for ${without.join(' or ')})`);
    }
    if (lacking.length > 0) {
      return inputError(
        'DATASET_SPLIT',
        lacking.length === 1 ? 'a class is too small' : `${lacking.length} classes are too small`,
        lacking.length > 3 ? `${lacking.slice(0, 3).join(', ')} and ${lacking.length - 3} more` : lacking.join(', '),
        this.stratify
          ? 'at least 3 different pictures or groups a class: one each to train, to validate and to test'
          : 'at least one image of each class to train on',
        'add pictures of it or remove the class; where there are enough, try another dataset.split.seed',
      );
    }
    const empty = allSides.filter((side) => this.overall.items[side] === 0);
    if (empty.length === 0) return null;
    const seen = `${this.overall.total} images leave the side ${empty.join(' and ')} empty`;
    return inputError('DATASET_SPLIT', 'dataset.split', seen, 'images on every side', 'add images or raise the share');
  }
}
