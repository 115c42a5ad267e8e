import type { GraftError } from '../errors.ts';
import { inputError } from '../errors.ts';
import { compareText } from './order.ts';
import type { ClassCount, SplitUnits } from './split-units.ts';
import { SIZE_KINDS } from './split-units.ts';

/** What goes one way: one unit, or several that share pictures or look alike. */
export interface Lot {
  readonly units: readonly number[];
  /** Items by class, each class once. */
  readonly counts: readonly ClassCount[];
  readonly items: number;
  readonly size: number;
}

/** A class, a kind of size, or the whole: how many items each bin has of it. */
interface Stratum {
  total: number;
  units: number;
  readonly items: Float64Array;
}

export interface Bins {
  /** The first wins a tie. */
  readonly names: readonly string[];
  /** Shares of the items, together 1. */
  readonly shares: readonly number[];
}

/** Who has how much: the running counts that choices and checks rest on. */
export class Ledger {
  private readonly bins: Bins;
  private readonly stratify: boolean;
  private readonly classes: Stratum[];
  private readonly sizes: Stratum[];
  private readonly overall: Stratum;

  constructor(bins: Bins, classes: number, stratify: boolean) {
    const empty = (): Stratum => ({ total: 0, units: 0, items: new Float64Array(bins.names.length) });
    this.bins = bins;
    this.stratify = stratify;
    this.classes = Array.from({ length: classes }, empty);
    this.sizes = Array.from({ length: SIZE_KINDS }, empty);
    this.overall = empty();
  }

  /** Counts a lot into the totals that shares are taken of. */
  expect(lot: Lot): void {
    for (const { state, count } of this.touched(lot)) {
      state.total += count;
      state.units += lot.units.length;
    }
    const size = this.sizes[lot.size];
    if (size) size.total += lot.items;
  }

  place(lot: Lot, bin: number): void {
    for (const { state, count } of this.touched(lot)) state.items[bin] = (state.items[bin] ?? 0) + count;
    const size = this.sizes[lot.size];
    if (size) size.items[bin] = (size.items[bin] ?? 0) + lot.items;
  }

  /**
   * The bin of `allowed` with the largest deficit (share × items of the class − items it has), weighed by what the lot
   * brings; one that a class has nothing on comes first. Where several lack at least as much as the lot brings, the one
   * that lacks most of its kind of size: all of them stay below their shares, so classes end within one unit of theirs.
   */
  choose(lot: Lot, allowed: readonly number[]): number {
    const strata = this.touched(lot).filter(({ state }) => (state === this.overall) !== this.stratify);
    const open = candidates(strata, allowed);
    const roomy = open.filter((bin) => strata.every(({ state, count }) => this.deficit(state, bin) >= count));
    const size = this.sizes[lot.size];
    if (roomy.length > 1 && size) return best(roomy, (bin) => this.deficit(size, bin) / (this.bins.shares[bin] ?? 1));
    return best(open, (bin) => strata.reduce((sum, { state, count }) => sum + count * this.deficit(state, bin), 0));
  }

  private deficit(state: Stratum, bin: number): number {
    return (this.bins.shares[bin] ?? 0) * state.total - (state.items[bin] ?? 0);
  }

  /** The classes of a lot, and the whole. */
  private touched({ counts, items }: Lot): { state: Stratum; count: number }[] {
    const touched = [{ state: this.overall, count: items }];
    for (const { classId, count } of counts) {
      const state = this.classes[classId];
      if (state) touched.unshift({ state, count });
    }
    return touched;
  }

  /** Items a bin, of a class or of all. */
  countsOf(classId: number | null): Float64Array {
    return (classId === null ? this.overall : this.classes[classId])?.items ?? new Float64Array(0);
  }

  has(classId: number): boolean {
    return (this.classes[classId]?.total ?? 0) > 0;
  }

  /** DATASET_SPLIT that names the classes which are not in every bin of `needed`, or an empty bin. */
  problem({ classes }: SplitUnits, needed: readonly number[]): GraftError | null {
    const lacking: string[] = [];
    const byName = [...classes.keys()].sort((a, b) => compareText(classes[a] ?? '', classes[b] ?? ''));
    for (const classId of byName) {
      const state = this.classes[classId];
      if (!state || state.total === 0) continue;
      const without = needed.filter((bin) => state.items[bin] === 0).map((bin) => this.bins.names[bin]);
      const size = state.units === state.total ? `${state.total} distinct` : `${state.total} in ${state.units} units`;
      if (without.length > 0) {
        lacking.push(`${JSON.stringify(classes[classId])} (${size}; none for ${without.join(' or ')})`);
      }
    }
    if (lacking.length > 0) return tooSmall(lacking, needed.length);
    const empty = this.bins.names.filter((_, bin) => this.overall.items[bin] === 0);
    if (empty.length === 0) return null;
    const seen = `${this.overall.total} images leave the side ${empty.join(' and ')} empty`;
    return inputError('DATASET_SPLIT', 'dataset.split', seen, 'images on every side', 'add images or raise the share');
  }
}

function tooSmall(lacking: readonly string[], needed: number): GraftError {
  return inputError(
    'DATASET_SPLIT',
    lacking.length === 1 ? 'a class is too small' : `${lacking.length} classes are too small`,
    lacking.length > 3 ? `${lacking.slice(0, 3).join(', ')} and ${lacking.length - 3} more` : lacking.join(', '),
    needed > 1
      ? `at least ${needed} different pictures or groups a class: one for each side${needed > 3 ? ' and fold' : ''}`
      : 'at least one image of each class to train on',
    'add pictures of it or remove the class; where there are enough, try another dataset.split.seed',
  );
}

/** The bins that a stratum has nothing in yet, so that a small class is not left out of one; else all. */
function candidates(strata: readonly { readonly state: Stratum }[], allowed: readonly number[]): readonly number[] {
  let open = allowed;
  for (const { state } of strata) {
    const both = open.filter((bin) => state.items[bin] === 0);
    if (both.length > 0) open = both;
  }
  return open;
}

/** On a tie the one named first stays. */
function best(bins: readonly number[], score: (bin: number) => number): number {
  let [chosen, highest] = [bins[0] ?? 0, -Infinity];
  for (const bin of bins) {
    const value = score(bin);
    if (value > highest) [chosen, highest] = [bin, value];
  }
  return chosen;
}
