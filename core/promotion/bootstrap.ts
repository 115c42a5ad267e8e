import { stream } from '../rng.ts';

export interface BootstrapOptions {
  /** How many test sets are drawn. */
  readonly resamples: number;
  readonly seed: number;
}

/** Units that count alike: `of` says to which group each belongs. */
export interface UnitGroups {
  readonly count: number;
  readonly of: Uint32Array;
}

/**
 * The non-parametric bootstrap (Efron, "Bootstrap Methods: Another Look at the Jackknife", Ann. Statist. 7, 1979): test
 * sets of the same size are drawn with replacement, and `statistic` gives its figures of each. It sees how often every
 * unit (image) was drawn, so that it can be anything that is computed from images: a share, a macro F1, a mean average
 * precision. Two models that are scored in the same call see the same draws: that makes the comparison a paired one.
 * The draws are addressed by (seed, resample, position). Returns the values of each figure, ascending. With `groups`,
 * `statistic` sees how many units of each group were drawn: the same draws, and less to look at.
 */
export function bootstrap(
  units: number,
  { resamples, seed }: BootstrapOptions,
  statistic: (drawn: Uint32Array) => readonly number[],
  groups?: UnitGroups,
): Float64Array[] {
  const drawn = new Uint32Array(groups?.count ?? units);
  const values: Float64Array[] = [];
  const rowOf = drawsOf(units, { resamples, seed });
  for (let resample = 0; resample < resamples; resample++) {
    drawn.fill(0);
    for (const unit of rowOf(resample)) {
      const at = groups ? (groups.of[unit] ?? 0) : unit;
      drawn[at] = (drawn[at] ?? 0) + 1;
    }
    for (const [index, value] of statistic(drawn).entries()) {
      (values[index] ??= new Float64Array(resamples))[resample] = value;
    }
  }
  for (const each of values) each.sort();
  return values;
}

interface Draws extends BootstrapOptions {
  readonly units: number;
  readonly rows: Uint32Array;
}

/** Of test sets of one size all comparisons draw the same: those of 2,000 images and 1,000 resamples take 8 MB. */
const KEPT_AT_MOST = 2_000_000;
let kept: Draws | null = null;

/** The units of each resample: the last draws are kept, larger ones are drawn anew each time. */
function drawsOf(units: number, { resamples, seed }: BootstrapOptions): (resample: number) => Uint32Array {
  const { words } = stream(seed, 'promotion/bootstrap');
  const fill = (row: Uint32Array, resample: number): void => {
    for (let first = 0; first < units; first += 4) {
      const four = words(resample, first);
      const last = Math.min(4, units - first);
      for (let word = 0; word < last; word++) {
        row[first + word] = Math.floor(((four[word] ?? 0) / 0x1_0000_0000) * units);
      }
    }
  };
  if (units * resamples > KEPT_AT_MOST) {
    const row = new Uint32Array(units);
    return (resample) => {
      fill(row, resample);
      return row;
    };
  }
  if (kept?.units !== units || kept.resamples !== resamples || kept.seed !== seed) {
    const rows = new Uint32Array(units * resamples);
    for (let resample = 0; resample < resamples; resample++) fill(rows.subarray(resample * units), resample);
    kept = { units, resamples, seed, rows };
  }
  const { rows } = kept;
  return (resample) => rows.subarray(resample * units, (resample + 1) * units);
}

/**
 * The value below which a share of a bootstrap distribution lies (percentile method): the k-th smallest with
 * k = ⌊share × (B + 1)⌋, as in Davison and Hinkley, "Bootstrap Methods and their Application", 1997, §5.2.1.
 */
export function percentile(ascending: Float64Array, share: number): number {
  const rank = Math.floor(share * (ascending.length + 1));
  return ascending[Math.min(ascending.length - 1, Math.max(0, rank - 1))] ?? Number.NaN;
}
