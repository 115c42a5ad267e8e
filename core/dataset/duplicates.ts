import type { BadItem } from './quarantine.ts';
import { isFix } from './checks.ts';
import type { Checks } from './checks.ts';
import type { DatasetFinding } from './findings.ts';
import { someOf } from './names.ts';
import { clustersOf } from './near-duplicates.ts';
import type { NearPair } from './near-duplicates.ts';

/** What is known of a picture when copies are looked for. */
export interface ComparedItem {
  readonly path: string;
  /** Its classes, in one text: two that differ contradict each other. */
  readonly label: string;
  readonly sha256: string;
  readonly unit: string;
  readonly side?: string | undefined;
  readonly pixels: number;
}

/** Two pictures, for people. */
export interface ShownPair {
  readonly a: string;
  readonly b: string;
  readonly correlation: number;
  readonly mirrored: string;
}

export interface DuplicatesReport {
  /** Near-duplicate pairs (other bytes, the same picture) and the clusters that they make. */
  readonly pairs: number;
  readonly clusters: number;
  /** Pictures in them. */
  readonly images: number;
  /** Clusters under more than one label. */
  readonly conflicts: number;
  /** Contents and clusters that the given sides tear apart. */
  readonly leaks: number;
  /** The most alike first, at most 50. */
  readonly examples: readonly ShownPair[];
  readonly examplesOfLeaks: readonly ShownPair[];
}

export interface Duplicates {
  readonly report: DuplicatesReport;
  readonly findings: readonly DatasetFinding[];
  /** Unit names that belong on one side. */
  readonly alike: readonly (readonly string[])[];
  /** What the policies leave out. */
  readonly dropped: readonly BadItem[];
}

const MAX_EXAMPLES = 50;

/** What exact and near copies mean for a data set, and what is to be left out of it. Items in their order. */
export function judgeDuplicates(
  items: readonly ComparedItem[],
  pairs: readonly NearPair[],
  checks: Checks,
): Duplicates {
  const clusters = clustersOf(pairs, items.length);
  const labelsOf = (rows: readonly number[]): Set<string> => new Set(rows.map((row) => items[row]?.label ?? ''));
  const conflicts = clusters.filter((rows) => labelsOf(rows).size > 1);
  const exact = exactCopies(items);
  const torn = pairs.filter(({ a, b }) => areTorn(items[a], items[b]));
  const exactTorn = exact.filter((rows) => rows.some((row) => areTorn(items[row], items[rows[0] ?? 0])));
  const shown = (list: readonly NearPair[]): ShownPair[] =>
    [...list]
      .sort((x, y) => y.correlation - x.correlation)
      .slice(0, MAX_EXAMPLES)
      .map(({ a, b, correlation, mirrored }) => ({
        a: items[a]?.path ?? '',
        b: items[b]?.path ?? '',
        correlation: Math.round(10_000 * correlation) / 10_000,
        mirrored,
      }));
  const report: DuplicatesReport = {
    pairs: pairs.length,
    clusters: clusters.length,
    images: clusters.reduce((sum, rows) => sum + rows.length, 0),
    conflicts: conflicts.length,
    leaks: torn.length + exactTorn.length,
    examples: shown(pairs),
    examplesOfLeaks: shown(torn),
  };
  const alike = clusters
    .map((rows) => [...new Set(rows.map((row) => items[row]?.unit ?? ''))])
    .filter(({ length }) => length > 1);
  return {
    report,
    findings: findingsOf(report, exactTorn, items),
    alike,
    dropped: dropped(items, exact, clusters, checks),
  };
}

const areTorn = (a: ComparedItem | undefined, b: ComparedItem | undefined): boolean =>
  a?.side !== undefined && b?.side !== undefined && a.side !== b.side;

/** Rows of the same bytes, where there are several. */
function exactCopies(items: readonly ComparedItem[]): number[][] {
  const first = new Map<string, number>();
  const repeated = new Map<string, number[]>();
  for (const [row, { sha256 }] of items.entries()) {
    const before = first.get(sha256);
    if (before === undefined) first.set(sha256, row);
    else repeated.set(sha256, [...(repeated.get(sha256) ?? [before]), row]);
  }
  return [...repeated.values()];
}

function findingsOf(
  { pairs, clusters, images, conflicts, leaks, examples, examplesOfLeaks }: DuplicatesReport,
  exactTorn: readonly (readonly number[])[],
  items: readonly ComparedItem[],
): DatasetFinding[] {
  const found: DatasetFinding[] = [];
  if (leaks > 0) {
    const [pair] = examplesOfLeaks;
    const copied = (exactTorn[0] ?? []).map((row) => items[row]?.path ?? '');
    const example = pair ? `${pair.a} and ${pair.b}` : someOf(copied, 2);
    const message = `${leaks} pictures are on two of the given sides at once: ${example}; the test score flatters`;
    found.push({ level: 'warning', code: 'DATASET_LEAK', message });
  }
  const [pair] = examples;
  if (conflicts > 0) {
    const message = `${conflicts} clusters of pictures that look the same have more than one label`;
    found.push({ level: 'warning', code: 'NEAR_CONFLICT', message });
  }
  if (pair) {
    const counts = `${images} pictures in ${clusters} clusters (${pairs} pairs)`;
    const message = `${counts} are the same but for encoding, size or mirroring: ${pair.a} and ${pair.b}; they stay on one side`;
    found.push({ level: 'info', code: 'NEAR_DUPLICATES', message });
  }
  return found;
}

/** By `fix`: all of a conflict, surplus copies, all but the largest of a cluster, training copies of what is tested with. */
function dropped(
  items: readonly ComparedItem[],
  exact: readonly (readonly number[])[],
  clusters: readonly (readonly number[])[],
  checks: Checks,
): BadItem[] {
  const gone = new Map<number, BadItem>();
  const drop = (row: number, code: string, reason: string): void => {
    const path = items[row]?.path ?? '';
    if (!gone.has(row)) gone.set(row, { path, code, reason });
  };
  const itemOf = (row: number): ComparedItem | undefined => items[row];
  for (const rows of [...exact, ...clusters]) {
    const labels = [...new Set(rows.map((row) => itemOf(row)?.label ?? ''))];
    if (labels.length > 1 && isFix(checks, 'labelConflicts')) {
      for (const row of rows) drop(row, 'LABEL_CONFLICT', `one picture as ${someOf(labels)}`);
    }
    const held = rows.find((row) => ['test', 'validation'].includes(itemOf(row)?.side ?? ''));
    if (held !== undefined && isFix(checks, 'leaks')) {
      const trained = rows.filter((row) => itemOf(row)?.side === 'train');
      for (const row of trained) drop(row, 'DATASET_LEAK', `a copy of ${itemOf(held)?.path ?? ''}, which is held out`);
    }
  }
  const thin = (rows: readonly number[], code: string): void => {
    const left = rows.filter((row) => !gone.has(row));
    const kept = [...left].sort((a, b) => (itemOf(b)?.pixels ?? 0) - (itemOf(a)?.pixels ?? 0) || a - b)[0];
    for (const row of left) if (row !== kept) drop(row, code, `a copy of ${itemOf(kept ?? 0)?.path ?? ''}`);
  };
  if (isFix(checks, 'copies')) for (const rows of exact) thin(rows, 'DUPLICATES');
  if (isFix(checks, 'nearDuplicates')) for (const rows of clusters) thin(rows, 'NEAR_DUPLICATES');
  return [...gone].sort(([a], [b]) => a - b).map(([, item]) => item);
}
