/** A stored result as `graft cache gc` sees it. */
export interface CollectibleResult {
  /** `<stage>/<key>`. */
  readonly id: string;
  readonly stage: string;
  readonly state: 'live' | 'marked' | 'sweeping' | 'swept';
  /** When a live one was made or taken last, and when the others became what they are. */
  readonly sinceMs: number;
  /** Other results that its manifest speaks of. */
  readonly mentions: readonly string[];
}

export interface CollectionRules {
  readonly nowMs: number;
  /** How long a result stays after it was made or used, and how long a marked one waits to be taken back. */
  readonly graceMs: number;
  /** When the oldest workflow under way began; null where there is none. */
  readonly oldestRunMs: number | null;
}

/**
 * - `needed`: a version, a young record, a split or something that is needed itself speaks of it.
 * - `young`: made or taken within the grace period.
 * - `mark`: nothing needs it. `waiting`: marked, not for long enough. `restore`: marked, and needed after all.
 * - `sweep`: marked for long enough, and no run began before that. `gone`: swept already.
 */
export type CollectionVerdict = 'needed' | 'young' | 'mark' | 'waiting' | 'restore' | 'sweep' | 'gone';

/** Clocks of Temporal, of the store and of this machine may differ by so much. */
const CLOCKS_DIFFER_MS = 10 * 60_000;

/** What later runs begin with: the listing of a data set, and the sides on which its images are. They are small. */
const ALWAYS_KEPT: ReadonlySet<string> = new Set(['ingest', 'split']);

/**
 * What becomes of each result. A run takes a marked result back by a conditional write, so one that began after a mark holds
 * nothing that is still marked; one that began before may, and nothing is swept as long as it runs. A result that any
 * other that can still be taken speaks of stays too. Pure.
 */
export function judgeCollection(
  results: readonly CollectibleResult[],
  roots: Iterable<string>,
  rules: CollectionRules,
): Map<string, CollectionVerdict> {
  const young = results.filter((result) => result.state === 'live' && rules.nowMs - result.sinceMs < rules.graceMs);
  const kept = results.filter(({ stage, state }) => state === 'live' && ALWAYS_KEPT.has(stage));
  const needed = reachable(results, [...roots, ...[...young, ...kept].map(({ id }) => id)]);
  const isYoung = new Set(young.map(({ id }) => id));
  const first = new Map(results.map((result) => [result.id, firstVerdict(result, needed, isYoung, rules)]));
  // What can still be taken holds on to what it speaks of.
  const takeable = results.filter(({ id, state }) => state !== 'swept' && first.get(id) !== 'sweep');
  const held = reachable(
    results,
    takeable.map(({ id }) => id),
  );
  return new Map(
    results.map(({ id, state }) => {
      const verdict = first.get(id) ?? 'needed';
      return [id, verdict === 'sweep' && state === 'marked' && held.has(id) ? 'waiting' : verdict];
    }),
  );
}

function firstVerdict(
  { id, state, sinceMs }: CollectibleResult,
  needed: ReadonlySet<string>,
  young: ReadonlySet<string>,
  { nowMs, graceMs, oldestRunMs }: CollectionRules,
): CollectionVerdict {
  switch (state) {
    case 'live':
      return young.has(id) ? 'young' : needed.has(id) ? 'needed' : 'mark';
    case 'marked': {
      if (needed.has(id)) return 'restore';
      const settled = sinceMs + graceMs <= nowMs && (oldestRunMs === null || sinceMs + CLOCKS_DIFFER_MS < oldestRunMs);
      return settled ? 'sweep' : 'waiting';
    }
    case 'sweeping':
      return 'sweep';
    case 'swept':
      return 'gone';
  }
}

/** Those that `from` speaks of, and what those speak of, and so on. */
export function reachable(
  results: readonly Pick<CollectibleResult, 'id' | 'mentions'>[],
  from: Iterable<string>,
): Set<string> {
  const known = new Map(results.map((result) => [result.id, result]));
  const found = new Set<string>();
  const open = [...from];
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    const result = known.get(id);
    if (!result || found.has(id)) continue;
    found.add(id);
    open.push(...result.mentions);
  }
  return found;
}

/** Whether parts that no manifest lists any more may go: nobody can have begun with them. */
export const mayRemoveLeftOver = (leftMs: number, { nowMs, graceMs, oldestRunMs }: CollectionRules): boolean =>
  leftMs + graceMs <= nowMs && (oldestRunMs === null || leftMs + CLOCKS_DIFFER_MS < oldestRunMs);
