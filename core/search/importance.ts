import { stream } from '../rng.ts';
import type { RandomStream } from '../rng.ts';
import { toUnit } from './space.ts';
import type { Space } from './space.ts';
import { lastReport, lossOf } from './trials.ts';
import type { Objective, Trial } from './trials.ts';

const TREES = 64;
const LEAF = 2;

export interface Importance {
  readonly name: string;
  /** Share of all importance, 0–1. */
  readonly share: number;
}

/**
 * How much each parameter mattered to the first objective: by how much a random forest of extremely randomized trees
 * (Geurts et al. 2006) fitted to the trials gets worse when that parameter's values are shuffled (Breiman 2001, §10).
 * Of trials that came as far as the furthest; null for fewer than eight. A parameter that is not there stands at 0.5.
 */
export function importanceOf(
  trials: readonly Trial[],
  objectives: readonly Objective[],
  space: Space,
  seed = 1,
): Importance[] | null {
  const furthest = Math.max(0, ...trials.map((trial) => lastReport(trial)?.epoch ?? 0));
  const reached = (epoch: number): Trial[] =>
    trials.filter((trial) => trial.reports.some((each) => each.epoch === epoch));
  // The furthest epoch that enough trials have reached: after different ones values can't be compared.
  const epochs = [...new Set(trials.flatMap(({ reports }) => reports.map(({ epoch }) => epoch)))].sort((a, b) => b - a);
  const epoch = epochs.find((each) => reached(each).length >= 8) ?? furthest;
  const known = reached(epoch);
  if (known.length < 8) return null;
  const rows = known.map(({ values }) => space.parameters.map(({ name, domain }) => toUnit(domain, values[name])));
  const losses = known.map(
    ({ reports }) => lossOf(reports.find((each) => each.epoch === epoch)?.values ?? [], objectives)[0] ?? 0,
  );
  const random = stream(seed, 'search/importance');
  const forest = Array.from({ length: TREES }, (_, tree) => grow(rows, losses, random, tree));
  const predict = (row: readonly number[]): number => forest.reduce((sum, tree) => sum + tree(row), 0) / TREES;
  const error = (of: readonly (readonly number[])[]): number =>
    of.reduce((sum, row, i) => sum + (predict(row) - (losses[i] ?? 0)) ** 2, 0) / of.length;
  const base = error(rows);
  const raw = space.parameters.map((_, column) => Math.max(0, error(shuffled(rows, column, random)) - base));
  const total = raw.reduce((sum, value) => sum + value, 0);
  return space.parameters
    .map(({ name }, index) => ({ name, share: total === 0 ? 0 : (raw[index] ?? 0) / total }))
    .sort((a, b) => b.share - a.share);
}

function shuffled(rows: readonly (readonly number[])[], column: number, random: RandomStream): number[][] {
  const order = rows
    .map((_, i) => i)
    .sort((a, b) => random.uniform(1000 + column, a) - random.uniform(1000 + column, b));
  return rows.map((row, i) =>
    row.map((value, at) => (at === column ? (rows[order[i] ?? 0]?.[column] ?? value) : value)),
  );
}

type Tree = (row: readonly number[]) => number;

/** Splits at random places; of one try for each column the one that leaves the least variance. */
function grow(
  rows: readonly (readonly number[])[],
  losses: readonly number[],
  random: RandomStream,
  tree: number,
): Tree {
  let drawn = 0;
  const node = (members: readonly number[]): Tree => {
    const mean = members.reduce((sum, i) => sum + (losses[i] ?? 0), 0) / members.length;
    if (members.length < 2 * LEAF) return () => mean;
    let best: { column: number; at: number; spread: number } | null = null;
    for (let column = 0; column < (rows[0]?.length ?? 0); column++) {
      const values = members.map((i) => rows[i]?.[column] ?? 0);
      const [low, high] = [Math.min(...values), Math.max(...values)];
      if (low === high) continue;
      const at = low + random.uniform(tree, drawn++) * (high - low);
      const [left, right] = parts(members, column, at);
      if (left.length < LEAF || right.length < LEAF) continue;
      const spread = spreadOf(left) + spreadOf(right);
      if (best === null || spread < best.spread) best = { column, at, spread };
    }
    if (best === null) return () => mean;
    const { column, at } = best;
    const [left, right] = parts(members, column, at).map(node);
    return (row) => ((row[column] ?? 0) < at ? left : right)?.(row) ?? mean;
  };
  const parts = (members: readonly number[], column: number, at: number): [number[], number[]] => [
    members.filter((i) => (rows[i]?.[column] ?? 0) < at),
    members.filter((i) => (rows[i]?.[column] ?? 0) >= at),
  ];
  const spreadOf = (members: readonly number[]): number => {
    const mean = members.reduce((sum, i) => sum + (losses[i] ?? 0), 0) / members.length;
    return members.reduce((sum, i) => sum + ((losses[i] ?? 0) - mean) ** 2, 0);
  };
  return node(rows.map((_, i) => i));
}
