/**
 * The learning-rate range test (Smith 1506.01186 §3.3) as fastai does it: fastai/callback/schedule.py `LRFinder` and
 * `lr_find`, fastai/learner.py `AvgSmoothLoss`.
 */
export interface RangeTest {
  readonly startRate: number;
  readonly endRate: number;
  readonly iterations: number;
}

export const defaultRangeTest: RangeTest = { startRate: 1e-7, endRate: 10, iterations: 100 };

/** The rate of iteration `iteration` (0-based): exponential from the first to the last. */
export function rangeTestRate({ startRate, endRate, iterations }: RangeTest, iteration: number): number {
  return startRate * (endRate / startRate) ** (iteration / iterations);
}

/** Share of the old value that the smoothed loss keeps. */
const SMOOTHING = 0.98;
/** The test ends where the smoothed loss is so many times its best. */
const DIVERGED = 4;

export interface SmoothLoss {
  readonly count: number;
  readonly biased: number;
  /** Debiased. */
  readonly value: number;
  readonly best: number;
}

export const noLoss: SmoothLoss = { count: 0, biased: 0, value: Number.NaN, best: Number.POSITIVE_INFINITY };

/** One more loss in the debiased exponential average. */
export function afterLoss(state: SmoothLoss, loss: number): SmoothLoss {
  const count = state.count + 1;
  const biased = loss + (state.biased - loss) * SMOOTHING;
  const value = biased / (1 - SMOOTHING ** count);
  return { count, biased, value, best: value < state.best ? value : state.best };
}

/** Whether going on would tell nothing more. */
export const hasDiverged = ({ value, best }: SmoothLoss): boolean => value > DIVERGED * best;

/** A rate and the smoothed loss there. */
export interface CurvePoint {
  readonly rate: number;
  readonly loss: number;
}

export interface Suggestions {
  /** In the middle of the longest descent: a good first choice. */
  readonly valley: number;
  /** Where the loss falls fastest. */
  readonly steep: number;
  /** A tenth of the rate with the lowest loss: the highest that is safe. */
  readonly minimum: number;
  /** The end of the long slide before the loss turns up. */
  readonly slide: number;
}

/** What `slide` looks back, and how equal two slopes are. */
const SLIDE_APART = 15;
const SLIDE_EQUAL = 0.005;

/**
 * The four suggestions, from the curve without its first tenth of `iterations` and its last five points, up to the first
 * NaN. Null where fewer than three points are left.
 */
export function suggestRates(curve: readonly CurvePoint[], iterations: number): Suggestions | null {
  const inner = curve.slice(Math.floor(iterations / 10), -5);
  const end = inner.findIndex(({ loss }) => Number.isNaN(loss));
  const points = end < 0 ? inner : inner.slice(0, end);
  if (points.length < 3) return null;
  const lowest = indexOfMin(points.map(({ loss }) => loss));
  const slopes = points.slice(1).map((point, i) => {
    const before = points[i] ?? point;
    return (point.loss - before.loss) / (Math.log(point.rate) - Math.log(before.rate));
  });
  return {
    valley: rateAt(points, valleyIndex(points)),
    steep: rateAt(points, indexOfMin(slopes)),
    minimum: rateAt(points, lowest) / 10,
    slide: slideRate(points),
  };
}

/** Two thirds and a half into the longest decreasing subsequence: start + ⌊L/3⌋ + ⌊L/6⌋. */
function valleyIndex(points: readonly CurvePoint[]): number {
  const lengths = points.map(() => 1);
  let [start, end] = [0, 0];
  for (let i = 1; i < points.length; i++) {
    for (let j = 0; j < i; j++) {
      const longer = (lengths[j] ?? 0) + 1;
      if ((points[i]?.loss ?? 0) < (points[j]?.loss ?? 0) && (lengths[i] ?? 0) < longer) lengths[i] = longer;
      if ((lengths[end] ?? 0) < (lengths[i] ?? 0)) {
        end = i;
        start = end - (lengths[end] ?? 0);
      }
    }
  }
  const section = (end - start) / 3;
  return start + Math.trunc(section) + Math.trunc(section / 2);
}

/** Slides an interval of fifteen points from the right end until the slopes at both its ends are the same. */
function slideRate(points: readonly CurvePoint[]): number {
  const slopes = gradient(points.map(({ loss }) => loss));
  const n = points.length;
  let right = n - 1;
  let left = right - SLIDE_APART;
  let rate = rateAt(points, Math.max(0, left));
  while (left >= 0 && Math.abs((slopes[right] ?? 0) - (slopes[left] ?? 0)) > SLIDE_EQUAL) {
    rate = rateAt(points, left);
    right--;
    left--;
  }
  return rate;
}

/** Central differences, one-sided at the ends (numpy.gradient). */
function gradient(values: readonly number[]): number[] {
  const last = values.length - 1;
  return values.map((_, i) => {
    const [before, after] = [Math.max(0, i - 1), Math.min(last, i + 1)];
    return ((values[after] ?? 0) - (values[before] ?? 0)) / (after - before);
  });
}

const indexOfMin = (values: readonly number[]): number => values.indexOf(Math.min(...values));

function rateAt(points: readonly CurvePoint[], index: number): number {
  // A negative index counts from the end, as fastai's list does where the whole curve falls.
  return points.at(index)?.rate ?? Number.NaN;
}
