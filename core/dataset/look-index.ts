import { stream } from '../rng.ts';
import { LOOK_BYTES, WAVES, frequencies } from './look.ts';
import { movedCorrelation } from './look-shift.ts';

/** Pictures this alike are one picture: the correlation of what their looks hold, −1 … 1. */
export const SAME_CORRELATION = 0.98;
/** Pairs not quite as alike, from here on, are looked at once more, one of the two moved by a part of a pixel. */
const NEARLY = 0.02;
/** What such a pair must come to: moving makes everything more alike, so more is asked of it. */
const MOVED_CORRELATION = 0.99;
/** Levels by which the mean colours of one picture may differ, and how many times the smaller spread the larger may be. */
const MEAN_LEVELS = 20;
const DEVIATION_RATIO = 1.35;

/** How a picture has to be turned to look like the other. */
export const mirrorings = ['none', 'horizontal', 'vertical', 'both'] as const;
export type Mirroring = (typeof mirrorings)[number];

export interface Match {
  /** The place of the other look. */
  readonly index: number;
  readonly correlation: number;
  readonly mirrored: Mirroring;
}

/** Tables of keys; a pair is found where it shares one. */
const TABLES = 10;
/** Of a key's bits, those nearest to turning are tried both ways. */
const UNSURE_BITS = 2;
/** Looks of one key that are compared, at most: thousands of pictures that differ in nothing are one cluster anyway. */
const BUCKET = 2_000;
/** Looks that are put into the tables before others get a word in. */
const ROWS_AT_ONCE = 1_000;
/** Waves that are compared first: they hold most of a picture, so what differs in them differs. */
const FIRST = 24;

/** By which sign each mirroring turns a wave: the odd ones across it change theirs. */
const isTurned = (mirroring: Mirroring, [across, down]: readonly [number, number]): boolean => {
  const sideways = mirroring === 'horizontal' || mirroring === 'both';
  const upside = mirroring === 'vertical' || mirroring === 'both';
  return ((sideways ? across : 0) + (upside ? down : 0)) % 2 !== 0;
};
const signs = mirrorings.map((mirroring) =>
  Int8Array.from(frequencies, (wave) => (isTurned(mirroring, wave) ? -1 : 1)),
);

/** Waves that all mirrorings turn together, so that a projection of each kind serves the picture and its mirrorings. */
const kinds = [0, 1, 2, 3].map((kind) =>
  frequencies.flatMap(([across, down], wave) => ((across % 2) + 2 * (down % 2) === kind ? [wave] : [])),
);
/** [mirroring][kind] */
const kindSigns = mirrorings.map((_, turn) => kinds.map(([wave = 0]) => signs[turn]?.[wave] ?? 1));

/**
 * Finds looks that are alike, mirrored or not, among any number: by signs of random projections (Charikar, "Similarity
 * Estimation Techniques from Rounding Algorithms", STOC 2002), whose tables give candidates that are then compared. Two
 * looks of correlation c differ in a bit with probability acos(c)/π; with ten tables, each tried with its two least
 * certain bits both ways, a pair of 0.98 is missed about once in a thousand times, and one of 0.99 never in practice.
 * Memory: some 40 bytes a look beside the looks themselves.
 */
export class LookIndex {
  private readonly looks: Uint8Array;
  private readonly waves: Int8Array;
  private readonly bits: number;
  /** [table × bit][wave]: 1 or −1, the waves in order of their kind. */
  private readonly planes: Int8Array;
  /** Of the last look that was projected: [table × bit][kind]. */
  private readonly parts: Int32Array;
  private readonly norm: Float32Array;
  /** A table's looks in order of their key, and where each key's begin; none before it is built. */
  private tables: readonly { readonly order: Int32Array; readonly starts: Int32Array }[] = [];
  /** The query that last compared a look, so that no pair is compared twice. */
  private readonly seenBy: Int32Array;
  private queries = 0;
  private readonly query = new Int16Array(WAVES);
  private readonly sorted = new Int16Array(WAVES);
  private readonly margins: Float64Array;

  /** `looks`: rows of LOOK_BYTES bytes. Plain ones are left out: they would all be alike. Nothing is found before `build`. */
  constructor(looks: Uint8Array) {
    this.looks = looks;
    this.waves = new Int8Array(looks.buffer, looks.byteOffset, looks.length);
    const rows = Math.floor(looks.length / LOOK_BYTES);
    this.bits = Math.min(20, Math.max(8, Math.ceil(Math.log2(rows + 1))));
    this.margins = new Float64Array(this.bits);
    this.parts = new Int32Array(TABLES * this.bits * kinds.length);
    const { words } = stream(1, 'look-planes');
    this.planes = Int8Array.from({ length: TABLES * this.bits * WAVES }, (_, i) => (words(0, i)[0] & 1 ? 1 : -1));
    this.norm = Float32Array.from({ length: rows }, (_, row) => lengthOf(wavesAt(looks, row)));
    this.seenBy = new Int32Array(rows);
  }

  /** Puts the looks into their tables; yields after every thousand, which take a tenth of a second. */
  *build(): Generator<void> {
    const rows = this.norm.length;
    const keys = Array.from({ length: TABLES }, () => new Int32Array(rows).fill(-1));
    for (let row = 0; row < rows; row++) {
      if (row % ROWS_AT_ONCE === ROWS_AT_ONCE - 1) yield;
      if (this.norm[row] === 0) continue;
      this.project(this.waves, row * LOOK_BYTES);
      for (const [table, column] of keys.entries()) column[row] = this.keyOf(table, 0);
    }
    this.tables = keys.map((column) => sortByKey(column, 2 ** this.bits));
  }

  /** Looks at places below `row` that are the same picture as its, in order of place. */
  matches(row: number, least = SAME_CORRELATION): Match[] {
    return this.alike(this.looks, row, row, least);
  }

  /** Looks of this index that are the same picture as row `row` of other looks. */
  matchesOf(looks: Uint8Array, row: number, least = SAME_CORRELATION): Match[] {
    return this.alike(looks, row, Infinity, least);
  }

  private alike(looks: Uint8Array, row: number, below: number, least: number): Match[] {
    const waves = wavesAt(looks, row);
    const norm = lengthOf(waves);
    const found = new Map<number, Match>();
    if (norm === 0) return [];
    this.project(waves, 0);
    for (const [turn, mirrored] of mirrorings.entries()) {
      const flips = signs[turn];
      for (let i = 0; i < WAVES; i++) this.query[i] = (waves[i] ?? 0) * (flips?.[i] ?? 1);
      this.queries += 1;
      this.eachCandidate(turn, below, (index) => {
        const nearly = this.correlation(index, norm, least - NEARLY);
        if (nearly < least - NEARLY || !this.hasColoursOf(index, looks, row)) return;
        const correlation = nearly < least ? this.whenMoved(index) : nearly;
        if (correlation < least) return;
        if (correlation > (found.get(index)?.correlation ?? -1)) found.set(index, { index, correlation, mirrored });
      });
    }
    return [...found.values()].sort((a, b) => a.index - b.index);
  }

  /** Places that share a key with the query, each once. */
  private eachCandidate(turn: number, below: number, each: (index: number) => void): void {
    for (const [table, { order, starts }] of this.tables.entries()) {
      for (const key of this.keys(table, turn)) {
        const [from = 0, to = 0] = [starts[key], starts[key + 1]];
        for (let at = Math.max(from, to - BUCKET); at < to; at++) {
          const index = order[at] ?? 0;
          if (index >= below) break;
          if (this.seenBy[index] === this.queries) continue;
          this.seenBy[index] = this.queries;
          each(index);
        }
      }
    }
  }

  /** The key of what was projected, mirrored so, and those that its least certain bits might have made. */
  private keys(table: number, turn: number): number[] {
    const key = this.keyOf(table, turn);
    const keys = [key];
    for (let unsure = 0; unsure < UNSURE_BITS; unsure++) {
      let least = 0;
      for (let bit = 1; bit < this.bits; bit++) if ((this.margins[bit] ?? 0) < (this.margins[least] ?? 0)) least = bit;
      for (const each of [...keys]) keys.push(each ^ (1 << least));
      this.margins[least] = Infinity;
    }
    return keys;
  }

  /** Also leaves each bit's distance from turning in `margins`. */
  private keyOf(table: number, turn: number): number {
    const turned = kindSigns[turn] ?? [];
    const [a = 1, b = 1, c = 1, d = 1] = turned;
    const { parts, bits, margins } = this;
    let key = 0;
    for (let bit = 0; bit < bits; bit++) {
      const at = 4 * (table * bits + bit);
      const sum = a * (parts[at] ?? 0) + b * (parts[at + 1] ?? 0) + c * (parts[at + 2] ?? 0) + d * (parts[at + 3] ?? 0);
      if (sum > 0) key |= 1 << bit;
      margins[bit] = Math.abs(sum);
    }
    return key;
  }

  private project(waves: Int8Array, offset: number): void {
    const { planes, parts, sorted } = this;
    let to = 0;
    for (const kind of kinds) for (const wave of kind) sorted[to++] = waves[offset + wave] ?? 0;
    for (let plane = 0, at = 0, part = 0; plane < TABLES * this.bits; plane++) {
      let i = 0;
      for (const { length } of kinds) {
        let sum = 0;
        for (const end = i + length; i < end; i++) sum += (sorted[i] ?? 0) * (planes[at++] ?? 0);
        parts[part++] = sum;
      }
    }
  }

  /** Below `least` where the first waves say enough. */
  private correlation(index: number, norm: number, least: number): number {
    const { waves, query } = this;
    const at = index * LOOK_BYTES;
    const other = this.norm[index] ?? 1;
    // |a − b|² = |a|² + |b|² − 2 |a||b| c
    const most = norm * norm + other * other - 2 * norm * other * least;
    let squares = 0;
    for (let i = 0; i < FIRST; i++) {
      const difference = (query[i] ?? 0) - (waves[at + i] ?? 0);
      squares += difference * difference;
    }
    if (squares > most) return -1;
    let product = 0;
    for (let i = 0; i < WAVES; i++) product += (query[i] ?? 0) * (waves[at + i] ?? 0);
    return product / (norm * other);
  }

  /** −1 where moving does not make the query and that look one picture. */
  private whenMoved(index: number): number {
    const correlation = movedCorrelation(this.query, this.waves, index * LOOK_BYTES);
    return correlation < MOVED_CORRELATION ? -1 : correlation;
  }

  private hasColoursOf(index: number, looks: Uint8Array, row: number): boolean {
    const [a, b] = [index * LOOK_BYTES + WAVES, row * LOOK_BYTES + WAVES];
    for (let i = 0; i < 3; i++) {
      if (Math.abs((this.looks[a + i] ?? 0) - (looks[b + i] ?? 0)) > MEAN_LEVELS) return false;
      const [one, other] = [this.looks[a + 3 + i] ?? 0, looks[b + 3 + i] ?? 0];
      // Two levels beyond the ratio: small spreads are rounded.
      if (Math.max(one, other) > DEVIATION_RATIO * Math.min(one, other) + 4) return false;
    }
    return true;
  }
}

/** A counting sort: places of one key stay in their order. A negative key is none. */
function sortByKey(keys: Int32Array, size: number): { order: Int32Array; starts: Int32Array } {
  const starts = new Int32Array(size + 1);
  for (const key of keys) if (key >= 0) starts[key + 1] = (starts[key + 1] ?? 0) + 1;
  for (let key = 1; key <= size; key++) starts[key] = (starts[key] ?? 0) + (starts[key - 1] ?? 0);
  const order = new Int32Array(starts[size] ?? 0);
  const next = starts.slice();
  for (const [row, key] of keys.entries()) {
    if (key < 0) continue;
    const place = next[key] ?? 0;
    order[place] = row;
    next[key] = place + 1;
  }
  return { order, starts };
}

const wavesAt = (looks: Uint8Array, row: number): Int8Array =>
  new Int8Array(looks.buffer, looks.byteOffset + row * LOOK_BYTES, WAVES);

function lengthOf(waves: Int8Array): number {
  let squares = 0;
  for (const wave of waves) squares += wave * wave;
  return Math.sqrt(squares);
}
