import type { Values } from './space.ts';

export interface Objective {
  readonly metric: string;
  readonly goal: 'minimize' | 'maximize';
}

/**
 * running: a leg is under way; paused: at the end of a leg, may be continued; done: trained to its end; dropped: the
 * searcher gave it up; stopped: a person did; failed: its training can't go on.
 */
export type TrialState = 'running' | 'paused' | 'done' | 'dropped' | 'stopped' | 'failed';

/** What a leg ended with: one value for each objective, in the metric's own unit. */
export interface Report {
  readonly epoch: number;
  readonly values: readonly number[];
}

export interface Trial {
  /** 0, 1, 2 … in the order in which they were made. */
  readonly id: number;
  readonly values: Values;
  readonly state: TrialState;
  /** Epochs trained. */
  readonly epoch: number;
  /** Where the running leg ends, or the last one ended. */
  readonly target: number;
  readonly reports: readonly Report[];
  /** Hyperband: which bracket it belongs to. */
  readonly bracket?: number;
  /** The trial whose weights it took over last. */
  readonly copyOf?: number;
  /** Why it failed. */
  readonly reason?: string;
}

/** Smaller is better. */
export const lossOf = (values: readonly number[], objectives: readonly Objective[]): number[] =>
  objectives.map(({ goal }, index) => {
    const value = values[index] ?? Number.NaN;
    return goal === 'maximize' ? -value : value;
  });

export const lastReport = (trial: Trial): Report | undefined => trial.reports.at(-1);

export const reportAt = (trial: Trial, epoch: number): Report | undefined =>
  trial.reports.find((report) => report.epoch === epoch);

export interface Ranked<T> {
  readonly item: T;
  readonly losses: readonly number[];
}

/** What each trial is worth at a rung: its report there, or its last one where it has ended below for good. */
export function standingsAt(trials: readonly Trial[], rung: number, objectives: readonly Objective[]): Ranked<Trial>[] {
  return trials.flatMap((trial) => {
    const ended = trial.state === 'done' && trial.target <= rung;
    const report = reportAt(trial, rung) ?? (ended ? lastReport(trial) : undefined);
    return report ? [{ item: trial, losses: lossOf(report.values, objectives) }] : [];
  });
}

/**
 * Best first: by loss; with several objectives by front of non-domination, then by crowding (the lonely first), as in
 * NSGA-II (Deb et al. 2002, §III). Of equals the earlier one goes first, so that no order of arrival matters.
 */
export function ranking<T>(ranked: readonly Ranked<T>[]): T[] {
  if ((ranked[0]?.losses.length ?? 1) === 1) {
    const losses = Float64Array.from(ranked, (each) => each.losses[0] ?? 0);
    const order = ranked.map((_, index) => index);
    order.sort((a, b) => (losses[a] ?? 0) - (losses[b] ?? 0) || a - b);
    return order.flatMap((index) => ranked[index]?.item ?? []);
  }
  return fronts(ranked).flatMap((front) => byCrowding(front).map(({ item }) => item));
}

export function dominates(a: readonly number[], b: readonly number[]): boolean {
  return a.every((loss, index) => loss <= (b[index] ?? 0)) && a.some((loss, index) => loss < (b[index] ?? 0));
}

/** Sets of which none dominates another of its set; the first is the Pareto front. */
export function fronts<T>(ranked: readonly Ranked<T>[]): Ranked<T>[][] {
  let rest = [...ranked];
  const found: Ranked<T>[][] = [];
  while (rest.length > 0) {
    const front = rest.filter((each) => !rest.some((other) => dominates(other.losses, each.losses)));
    found.push(front);
    const taken = new Set(front);
    rest = rest.filter((each) => !taken.has(each));
  }
  return found;
}

function byCrowding<T>(front: readonly Ranked<T>[]): Ranked<T>[] {
  const distance = front.map(() => 0);
  const objectives = front[0]?.losses.length ?? 0;
  for (let o = 0; o < objectives; o++) {
    const loss = (index: number): number => front[index]?.losses[o] ?? 0;
    const order = front.map((_, index) => index).sort((a, b) => loss(a) - loss(b) || a - b);
    const span = loss(order.at(-1) ?? 0) - loss(order[0] ?? 0);
    order.forEach((index, place) => {
      const [before, after] = [order[place - 1], order[place + 1]];
      const gap = before === undefined || after === undefined ? Infinity : (loss(after) - loss(before)) / (span || 1);
      distance[index] = (distance[index] ?? 0) + gap;
    });
  }
  const order = front.map((each, index) => ({ each, index, gap: distance[index] ?? 0 }));
  return order.sort((a, b) => (a.gap === b.gap ? a.index - b.index : b.gap - a.gap)).map(({ each }) => each);
}

/**
 * The best first, among those that came furthest: values after different numbers of epochs can't be compared. What
 * reported no number, failed or was stopped by a person is left out.
 */
export function bestTrials(trials: readonly Trial[], objectives: readonly Objective[]): Trial[] {
  const candidates = trials.filter(
    (trial) => trial.reports.length > 0 && trial.state !== 'failed' && trial.state !== 'stopped',
  );
  // One that early stop ended has come as far as it ever will.
  const reached = (trial: Trial): number => (trial.state === 'done' ? trial.target : (lastReport(trial)?.epoch ?? 0));
  const furthest = Math.max(0, ...candidates.map(reached));
  const ranked = candidates
    .filter((trial) => reached(trial) === furthest)
    .map((trial) => ({ item: trial, losses: lossOf(lastReport(trial)?.values ?? [], objectives) }));
  if (objectives.length === 1) return ranking(ranked);
  // Of the Pareto front the one that is best by the first objective goes first.
  const [front = [], ...rest] = fronts(ranked);
  const byFirst = [...front].sort((a, b) => (a.losses[0] ?? 0) - (b.losses[0] ?? 0) || a.item.id - b.item.id);
  return [...byFirst, ...rest.flat()].map(({ item }) => item);
}

/** The trials none of which is beaten in every objective by another. */
export function paretoFront(trials: readonly Trial[], objectives: readonly Objective[]): Trial[] {
  const candidates = trials.filter(({ reports, state }) => reports.length > 0 && state !== 'failed');
  const ranked = candidates.map((trial) => ({
    item: trial,
    losses: lossOf(lastReport(trial)?.values ?? [], objectives),
  }));
  return (fronts(ranked)[0] ?? []).map(({ item }) => item);
}
