import type { GraftError } from '../errors.ts';
import { inputError } from '../errors.ts';
import type { Result } from '../result.ts';
import { err, ok } from '../result.ts';
import { purposeWord, stream } from '../rng.ts';
import { compareText } from './order.ts';
import { addCount } from './split-units.ts';
import type { ClassCount, SplitUnits } from './split-units.ts';
import { Ledger } from './split-ledger.ts';
import type { Bins, Lot } from './split-ledger.ts';

export type Side = 'train' | 'validation' | 'test';
export const allSides: readonly Side[] = ['train', 'validation', 'test'];

export interface SplitRules {
  /** Shares of the items, each in (0, 1), together below 1; the rest is for training. */
  readonly test: number;
  readonly validation: number;
  /** Keep the shares within every class. */
  readonly stratify: boolean;
  readonly seed: number;
  /** k-fold: what is not for the test is dealt into `count` folds, of which number `index` validates. */
  readonly folds?: { readonly count: number; readonly index: number } | null | undefined;
  /** Whether the sides that a data set's maker gave are kept; `respect` where absent. */
  readonly given?: 'respect' | 'ignore' | undefined;
}

export type SideCounts = Record<Side, number>;

/** A side, and in k-fold the number of the fold: what a unit keeps from now on. */
export interface Place {
  readonly side: Side;
  readonly fold?: number | undefined;
}

export interface Split {
  /** Units that have a place, those that were only remembered included, by number. */
  placeOf(unit: number): Place | null;
  readonly classes: readonly string[];
  /** Items a side. */
  readonly counts: Readonly<SideCounts>;
  readonly perClass: ReadonlyMap<string, Readonly<SideCounts>>;
  /** Clusters of near-duplicates that earlier or given sides tear apart. */
  readonly torn: number;
}

export interface SplitHints {
  /** Places of an earlier split, by number of the unit. */
  readonly kept?: ReadonlyMap<number, Place>;
  /** Units that look alike, by number. */
  readonly alike?: readonly (readonly number[])[];
}

/**
 * A stratified, grouped split that is stable as data grow: units keep their place in an earlier split, and only new ones
 * are dealt. These come in the order of a keyed hash of their name and go where most is lacking (split-ledger.ts), so
 * every class stays within one unit of its exact shares. Sides that the data set's maker gave go before both: validation
 * and test are taken as given, and what they lack altogether is dealt out of the given training items. Units that look
 * alike go together as far as kept and given sides allow; where those tear them apart, new ones are trained with.
 *
 * DATASET_SPLIT (input) where a class can't be on every side, or the shares leave nothing for training; DATASET_LEAK
 * (input) where two groups on different sides share a picture.
 */
export function assignSides(units: SplitUnits, rules: SplitRules, hints: SplitHints = {}): Result<Split, GraftError> {
  if (rules.test + rules.validation >= 1) {
    const seen = `test ${rules.test} + validation ${rules.validation} leave nothing for training`;
    return err(inputError('DATASET_SPLIT', 'dataset.split', seen, 'a sum below 1', 'lower one of them'));
  }
  units.settle();
  const dealer = new Dealer(units, rules, hints.kept ?? new Map());
  const problem = dealer.deal(lotsOf(units, hints.alike ?? []), rules.seed);
  return problem === null ? ok(dealer.split()) : err(problem);
}

const TRAIN = 0;

/** Units of one group or content each, or of several that are joined; those that look alike side by side. */
function lotsOf(units: SplitUnits, alike: readonly (readonly number[])[]): Lot[][] {
  const clusterOf = new Map<number, number>();
  for (const [cluster, members] of alike.entries()) {
    for (const unit of members) clusterOf.set(units.root(unit), clusterOf.get(units.root(unit)) ?? cluster);
  }
  const joined = new Map<number, number[]>();
  for (let unit = 0; unit < units.length; unit++) {
    const root = units.root(unit);
    if (root === unit) continue;
    const members = joined.get(root);
    if (members === undefined) joined.set(root, [root, unit]);
    else members.push(unit);
  }
  const clusters = new Map<number, Lot[]>();
  const lots: Lot[][] = [];
  for (let unit = 0; unit < units.length; unit++) {
    if (units.root(unit) !== unit) continue;
    const lot = lotOf(units, joined.get(unit) ?? [unit]);
    if (lot.items === 0) continue;
    const cluster = clusterOf.get(unit);
    const together = cluster === undefined ? undefined : clusters.get(cluster);
    if (together !== undefined) together.push(lot);
    else {
      const fresh = [lot];
      lots.push(fresh);
      if (cluster !== undefined) clusters.set(cluster, fresh);
    }
  }
  return lots;
}

function lotOf(units: SplitUnits, members: readonly number[]): Lot {
  const [only = 0] = members;
  const size = units.sizeOf(only);
  if (members.length === 1) return { units: members, counts: units.countsOf(only), items: units.itemsOf(only), size };
  return { ...merged(members.map((unit) => lotOf(units, [unit]))), units: members, size };
}

function merged(lots: readonly Lot[]): Lot {
  const [first] = lots;
  if (lots.length === 1 && first) return first;
  const counts: ClassCount[] = [];
  for (const lot of lots) for (const { classId, count } of lot.counts) addCount(counts, classId, count);
  const items = lots.reduce((sum, lot) => sum + lot.items, 0);
  return { units: lots.flatMap((lot) => lot.units), counts, items, size: first?.size ?? 0 };
}

/** Deals lots into bins: the three sides, or the folds and the test. */
class Dealer {
  private readonly units: SplitUnits;
  private readonly rules: SplitRules;
  private readonly bins: Bins;
  private readonly ledger: Ledger;
  /** One more than the bin; 0 for none. */
  private readonly placed: Uint8Array;
  /** Bins that what was given to train may go to: training, and sides that nobody was given. */
  private readonly open: readonly number[];
  private readonly anyGiven: boolean;
  private torn = 0;

  constructor(units: SplitUnits, rules: SplitRules, kept: ReadonlyMap<number, Place>) {
    this.units = units;
    this.rules = rules;
    this.bins = binsOf(rules);
    this.ledger = new Ledger(this.bins, units.classes.length, rules.stratify);
    this.placed = new Uint8Array(units.length);
    for (const [unit, place] of kept) this.placed[unit] = 1 + Math.max(0, this.binOf(place));
    const given = new Set<number>();
    for (let unit = 0; unit < units.length; unit++) {
      const side = this.given(unit);
      if (side !== null) given.add(this.binOf({ side }));
    }
    this.anyGiven = given.size > 0;
    this.open = [...this.bins.names.keys()].filter((bin) => bin === TRAIN || !given.has(bin) || this.isFold(bin));
  }

  deal(clusters: readonly (readonly Lot[])[], seed: number): GraftError | null {
    const fresh: { lot: Lot; allowed: readonly number[] }[] = [];
    for (const lots of clusters) for (const lot of lots) this.ledger.expect(lot);
    for (const lots of clusters) {
      const homes = lots.map((lot) => this.homeOf(lot));
      const failed = homes.find((home) => !home.ok);
      if (failed && !failed.ok) return failed.error;
      const bins = homes.flatMap((home) => (home.ok && home.value !== null ? [home.value] : []));
      lots.forEach((lot, i) => {
        const home = homes[i];
        if (home?.ok && home.value !== null) this.place(lot, home.value);
      });
      const free = lots.filter((_, i) => homes[i]?.ok && homes[i].value === null);
      const different = new Set(bins);
      if (different.size > 1) this.torn += 1;
      if (free.length === 0) continue;
      const [only] = bins;
      if (only === undefined) fresh.push({ lot: merged(free), allowed: this.allowedFor(free) });
      else for (const lot of free) this.place(lot, this.follow(lot, different.size > 1 ? TRAIN : only));
    }
    for (const { lot, allowed } of this.inHashOrder(fresh, seed)) this.place(lot, this.ledger.choose(lot, allowed));
    const needAll = this.rules.stratify && !this.units.hasBoxes && !this.anyGiven;
    return this.ledger.problem(this.units, needAll ? [...this.bins.names.keys()] : [TRAIN]);
  }

  /** Where a lot has to be: a given validation or test side, else where one of its units was before. */
  private homeOf({ units }: Lot): Result<number | null, GraftError> {
    let kept: { unit: number; bin: number } | null = null;
    let given: number | null = null;
    for (const unit of units) {
      const side = this.given(unit);
      if (side !== null && !(side === 'train' && this.open.length > 1)) {
        given = Math.max(given ?? 0, this.binOf({ side }));
      }
      const bin = (this.placed[unit] ?? 0) - 1;
      if (bin < 0) continue;
      if (kept !== null && kept.bin !== bin) return err(this.leak(kept, { unit, bin }));
      kept ??= { unit, bin };
    }
    if (given !== null && !this.isFold(given)) return ok(given);
    return ok(kept?.bin ?? null);
  }

  private leak(a: { unit: number; bin: number }, b: { unit: number; bin: number }): GraftError {
    const said = ({ unit, bin }: typeof a): string =>
      `${this.units.names[unit]} is on the side ${this.bins.names[bin]}`;
    const seen = `${said(a)} and ${said(b)}, but they share a picture`;
    const remedy = 'remove the picture from one of them, or choose another dataset.split.seed for a new split';
    return inputError('DATASET_LEAK', 'dataset.split', seen, 'no picture on two sides', remedy);
  }

  private allowedFor(lots: readonly Lot[]): readonly number[] {
    const isGiven = lots.some(({ units }) => units.some((unit) => this.given(unit) !== null));
    return isGiven ? this.open : [...this.bins.names.keys()];
  }

  /** Where the lots that look like it are, if it may go there. */
  private follow(lot: Lot, bin: number): number {
    return this.allowedFor([lot]).includes(bin) ? bin : TRAIN;
  }

  private given(unit: number): Side | null {
    return this.rules.given === 'ignore' ? null : this.units.givenTo(unit);
  }

  private place(lot: Lot, bin: number): void {
    for (const unit of lot.units) this.placed[unit] = 1 + bin;
    this.ledger.place(lot, bin);
  }

  /** By a 32-bit keyed hash of the first of their names, then by name: the same for any order of the input. */
  private inHashOrder<T extends { readonly lot: Lot }>(fresh: readonly T[], seed: number): T[] {
    const { words } = stream(seed, 'split');
    const nameOf = ({ lot }: T): string => {
      const names = lot.units.map((unit) => this.units.names[unit] ?? '');
      return names.reduce((first, name) => (compareText(name, first) < 0 ? name : first));
    };
    return fresh
      .map((each) => {
        const name = nameOf(each);
        return { each, name, rank: words(0, purposeWord(name))[0] };
      })
      .sort((a, b) => a.rank - b.rank || compareText(a.name, b.name))
      .map(({ each }) => each);
  }

  private binOf({ side, fold }: Place): number {
    if (!this.rules.folds) return allSides.indexOf(side);
    if (side === 'test') return this.rules.folds.count;
    return fold ?? (side === 'validation' ? this.rules.folds.index : TRAIN);
  }

  private isFold(bin: number): boolean {
    return this.rules.folds != null && bin < this.rules.folds.count;
  }

  private placeOf(bin: number): Place {
    const { folds } = this.rules;
    if (!folds) return { side: allSides[bin] ?? 'train' };
    if (bin === folds.count) return { side: 'test' };
    return { side: bin === folds.index ? 'validation' : 'train', fold: bin };
  }

  split(): Split {
    const counts = (classId: number | null): SideCounts => {
      const sums: SideCounts = { train: 0, validation: 0, test: 0 };
      for (const [bin, items] of this.ledger.countsOf(classId).entries()) sums[this.placeOf(bin).side] += items;
      return sums;
    };
    const present = [...this.units.classes.keys()].filter((classId) => this.ledger.has(classId));
    const named = present.map((classId): [string, SideCounts] => [this.units.classes[classId] ?? '', counts(classId)]);
    named.sort(([a], [b]) => compareText(a, b));
    return {
      placeOf: (unit) => {
        const bin = (this.placed[unit] ?? 0) - 1;
        return bin < 0 ? null : this.placeOf(bin);
      },
      classes: named.map(([label]) => label),
      counts: counts(null),
      perClass: new Map(named),
      torn: this.torn,
    };
  }
}

function binsOf({ test, validation, folds }: SplitRules): Bins {
  if (!folds) return { names: allSides, shares: [1 - test - validation, validation, test] };
  const names = Array.from({ length: folds.count }, (_, fold) => `fold ${fold}`);
  return { names: [...names, 'test'], shares: [...names.map(() => (1 - test) / folds.count), test] };
}
