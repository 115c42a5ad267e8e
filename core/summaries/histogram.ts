/** Counts of values in `counts.length` buckets of equal width from `min` to `max`; the last one holds `max` itself. */
export interface Histogram {
  readonly min: number;
  readonly max: number;
  readonly counts: readonly number[];
}

/** TensorBoard's DEFAULT_BUCKET_COUNT. */
const BUCKETS = 30;

/**
 * The histogram that TensorBoard's own writer makes of these values (tensorboard/plugins/histogram/summary_v2.py):
 * equal values all fall into the last bucket, and no values give counts of zero. Non-finite values are left out: the
 * trainer stops at them before they get here.
 */
export function histogramOf(values: ArrayLike<number>, buckets = BUCKETS): Histogram {
  const counts = new Array<number>(buckets).fill(0);
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  let finite = 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i] ?? Number.NaN;
    if (!Number.isFinite(value)) continue;
    finite++;
    if (value < min) min = value;
    if (value > max) max = value;
  }
  if (finite === 0) return { min: 0, max: 0, counts };
  const width = (max - min) / buckets;
  for (let i = 0; i < values.length; i++) {
    const value = values[i] ?? Number.NaN;
    if (!Number.isFinite(value)) continue;
    const index = width === 0 ? buckets - 1 : Math.min(buckets - 1, Math.floor((value - min) / width));
    counts[index] = (counts[index] ?? 0) + 1;
  }
  return { min, max, counts };
}

/** Rows [left edge, right edge, count] one after the other: the tensor [buckets, 3] that TensorBoard reads. */
export function histogramRows({ min, max, counts }: Histogram): Float64Array {
  const rows = new Float64Array(counts.length * 3);
  const step = (max - min) / counts.length;
  // As numpy.linspace: each edge by itself, so that no error adds up, and the last one exact.
  const edge = (i: number): number => (i === counts.length ? max : min + i * step);
  for (const [i, count] of counts.entries()) rows.set([edge(i), edge(i + 1), count], i * 3);
  return rows;
}
