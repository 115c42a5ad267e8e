import type { SweepReport } from '../../../../../contracts/sweep.ts';

/** A value of a trial as an axis takes it: a number, or a choice as text. */
export const plain = (value: unknown): number | string | null =>
  value === undefined ? null : typeof value === 'number' || typeof value === 'string' ? value : JSON.stringify(value);

/** 0 for the worst result of the first objective, 1 for the best; only trials that have one. */
export function sweepRanks({ trials, objectives }: Pick<SweepReport, 'trials' | 'objectives'>): Map<number, number> {
  const better = objectives[0]?.goal === 'maximize' ? 1 : -1;
  const known = trials.flatMap(({ trial, metric }) => (metric === null ? [] : [{ trial, value: metric * better }]));
  known.sort((a, b) => a.value - b.value || b.trial - a.trial);
  return new Map(known.map(({ trial }, place) => [trial, known.length === 1 ? 1 : place / (known.length - 1)]));
}
