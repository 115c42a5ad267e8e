import { arrive, fill } from './sweep.ts';
import type { Leg, LegEnd, SweepState } from './sweep.ts';

/** What a leg would end with, and how long it would take. */
export interface Simulated {
  readonly end: LegEnd;
  readonly seconds: number;
}

export interface SimulationEnd {
  readonly state: SweepState;
  /** From the first leg's start to the last one's end. */
  readonly seconds: number;
}

/** Runs a sweep without training: legs take simulated time side by side and end as `play` says. */
export function simulate(start: SweepState, play: (leg: Leg) => Simulated): SimulationEnd {
  let { state, starts } = fill(start);
  let nowSeconds = 0;
  const running = new Map<number, { readonly at: number; readonly end: LegEnd }>();
  for (;;) {
    for (const leg of starts) {
      const { end, seconds } = play(leg);
      running.set(leg.number, { at: nowSeconds + seconds, end });
    }
    const first = [...running].sort(([a, x], [b, y]) => x.at - y.at || a - b)[0];
    if (first === undefined) return { state, seconds: nowSeconds };
    const [number, { at, end }] = first;
    running.delete(number);
    nowSeconds = at;
    ({ state, starts } = arrive(state, number, end));
  }
}

/** One training as it was: `values[i]` are the objectives after epoch i + 1. */
export interface RecordedCurve {
  readonly values: readonly (readonly number[])[];
  readonly secondsPerEpoch: number;
}

/** Plays legs from recorded curves; a trial without one fails. A curve that is shorter than a leg ended there (early stop). */
export function fromCurves(curveOf: (leg: Leg) => RecordedCurve | undefined): (leg: Leg) => Simulated {
  return (leg) => {
    const curve = curveOf(leg);
    if (curve === undefined) {
      return { end: { kind: 'failed', reason: 'no curve was recorded for it', passing: false }, seconds: 0 };
    }
    const epoch = Math.min(leg.toEpoch, curve.values.length);
    const seconds = Math.max(0, epoch - leg.fromEpoch) * curve.secondsPerEpoch;
    const values = curve.values[epoch - 1];
    if (values === undefined) return { end: { kind: 'failed', reason: 'an empty curve', passing: false }, seconds };
    return { end: { kind: 'trained', epoch, values, ended: epoch < leg.toEpoch, seconds }, seconds };
  };
}
