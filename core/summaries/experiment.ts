import type { HparamDimension, HparamDomain, HparamValue } from './hparams.ts';
import { eventSides, tags } from './metrics-events.ts';
import type { MetricColumn, Summary } from './summary.ts';

/** The columns of a run in TensorBoard's HParams table. */
const METRICS: readonly MetricColumn[] = [
  { group: eventSides.validation, tag: tags.epochLoss, displayName: 'validation loss', side: 'validation' },
  { group: eventSides.validation, tag: tags.epochAccuracy, displayName: 'validation accuracy', side: 'validation' },
  { group: eventSides.test, tag: 'accuracy', displayName: 'test accuracy', side: 'other' },
  { group: eventSides.test, tag: 'macro F1', displayName: 'test macro F1', side: 'other' },
];

/** The head of an HParams table: for a sweep its space, for runs side by side `dimensionsOf` them. */
export function experimentSummary(
  description: string,
  createdMs: number,
  dimensions: readonly HparamDimension[],
): Summary {
  return { kind: 'hparams-experiment', createdMs, description, hparams: dimensions, metrics: METRICS };
}

/** The hyperparameters of these runs: those in which they differ first, then by path; with one run, all of them. */
export function dimensionsOf(runs: readonly Readonly<Record<string, HparamValue>>[]): HparamDimension[] {
  const values = new Map<string, Set<HparamValue | undefined>>();
  for (const path of runs.flatMap((run) => Object.keys(run))) {
    values.set(path, new Set(runs.map((run) => run[path])));
  }
  return [...values]
    .map(([path, seen]) => ({ path, domain: domainOf([...seen]), differs: seen.size > 1 }))
    .sort((a, b) => Number(b.differs) - Number(a.differs) || (a.path < b.path ? -1 : 1));
}

/** Numbers may be anything; a key that is a number in one run and a text in another has no type that fits but text. */
function domainOf(seen: readonly (HparamValue | undefined)[]): HparamDomain {
  const values = seen.filter((value) => value !== undefined);
  if (values.every((value) => typeof value === 'number')) return { kind: 'any', type: 'number' };
  if (values.every((value) => typeof value === 'boolean')) return { kind: 'any', type: 'boolean' };
  return { kind: 'any', type: 'string' };
}
