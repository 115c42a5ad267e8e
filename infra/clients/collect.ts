import { StageManifest } from '../../contracts/manifests.ts';
import type { CollectState } from '../../contracts/manifests.ts';
import { judgeCollection, mayRemoveLeftOver, reachable } from '../../core/cache/collect.ts';
import type { CollectionRules, CollectionVerdict } from '../../core/cache/collect.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { inBatches, isSweptWith, scanForCollection } from './collect-scan.ts';
import type { LeftOver, Scan, ScannedResult } from './collect-scan.ts';

export interface PlannedCollection {
  readonly rules: CollectionRules;
  readonly scan: Scan;
  readonly verdicts: ReadonlyMap<string, CollectionVerdict>;
  /** Parts that nothing lists any more and that may go now. */
  readonly leftOvers: readonly LeftOver[];
}

/** What a collection would do; nothing is changed. */
export async function planCollection(store: ObjectStore, rules: CollectionRules): Promise<PlannedCollection> {
  const scan = await scanForCollection(store, rules.nowMs, rules.graceMs);
  const leftOvers = scan.leftOvers.filter(({ leftMs }) => mayRemoveLeftOver(leftMs, rules));
  return { rules, scan, verdicts: judgeCollection(scan.results, scan.roots, rules), leftOvers };
}

export interface Collected {
  readonly marked: number;
  readonly restored: number;
  readonly swept: number;
  readonly removedBytes: number;
  /** Moved by a run meanwhile: left as they are now. */
  readonly leftAlone: number;
}

/**
 * Marks and sweeps as planned. Every step is a conditional write on the manifest, and parts go only once it says that
 * nobody may take it: a run that takes a result at any moment either wins it whole or makes it anew. Killed at any
 * point, the next collection goes on from there.
 */
export async function collect(
  store: ObjectStore,
  { scan, verdicts, leftOvers }: PlannedCollection,
  now: () => Date,
): Promise<Collected> {
  const of = (verdict: CollectionVerdict) => scan.results.filter(({ id }) => verdicts.get(id) === verdict);
  const all = (results: readonly ScannedResult[], state: CollectState['state'] | 'live') =>
    those(results, (result) => move(store, result, state, now()));
  const restored = await all(of('restore'), 'live');
  const marked = await all(of('mark'), 'marked');
  const closed = await all(of('sweep'), 'sweeping');
  // A run that took one back before it was closed may want what that one speaks of.
  const isClosed = new Set(closed.map(({ id }) => id));
  const escaped = of('sweep').filter(({ id }) => !isClosed.has(id));
  const wanted = reachable(
    scan.results,
    escaped.map(({ id }) => id),
  );
  const mayOpen = closed.filter(({ id, state }) => wanted.has(id) && state === 'marked');
  const opened = await those(mayOpen, (result) => reopen(store, result, now()));
  const isOpen = new Set(opened.map(({ id }) => id));
  let [swept, removedBytes] = [0, 0];
  for (const result of closed.filter(({ id }) => !isOpen.has(id))) {
    removedBytes += await sweep(store, result);
    swept++;
  }
  for (const { key, sizeBytes } of leftOvers) {
    await store.delete(key);
    removedBytes += sizeBytes;
  }
  const leftAlone = of('restore').length - restored.length + of('mark').length - marked.length + escaped.length;
  return { marked: marked.length, restored: restored.length + opened.length, swept, removedBytes, leftAlone };
}

/** Of these the ones for which `work` says yes. */
async function those(
  results: readonly ScannedResult[],
  work: (result: ScannedResult) => Promise<boolean>,
): Promise<ScannedResult[]> {
  const done: ScannedResult[] = [];
  await inBatches(results, async (result) => {
    if (await work(result)) done.push(result);
  });
  return done;
}

/** Whether the manifest was still what was read, and is now in the state that is wanted. */
async function move(
  store: ObjectStore,
  { manifestKey, etag }: ScannedResult,
  to: CollectState['state'] | 'live',
  now: Date,
): Promise<boolean> {
  const found = await readManifest(store, manifestKey);
  if (found?.etag !== etag) return false;
  // Since when a sweep goes on is kept: it names where results that are made meanwhile lie.
  if (found.manifest.collect?.state === to) return true;
  return (await moved(store, manifestKey, found, to, now)) === 'written';
}

/** A closed result can be taken again: nothing of it is gone yet. */
async function reopen(store: ObjectStore, { manifestKey }: ScannedResult, now: Date): Promise<boolean> {
  const found = await readManifest(store, manifestKey);
  return (
    found?.manifest.collect?.state === 'sweeping' && (await moved(store, manifestKey, found, 'live', now)) === 'written'
  );
}

function moved(
  store: ObjectStore,
  key: string,
  { manifest, etag }: Read,
  to: CollectState['state'] | 'live',
  now: Date,
) {
  const { collect: _, ...rest } = manifest;
  const at = now.toISOString();
  return write(store, key, to === 'live' ? { ...rest, usedAt: at } : { ...rest, collect: { state: to, at } }, etag);
}

/** Removes the parts of a closed result; its manifest stays, without them. Returns how many bytes went. */
async function sweep(store: ObjectStore, { id, manifestKey }: ScannedResult): Promise<number> {
  const found = await readManifest(store, manifestKey);
  // A run has made it anew meanwhile: the new parts lie elsewhere.
  if (found?.manifest.collect?.state !== 'sweeping') return 0;
  const { parts, collect } = found.manifest;
  const folder = `stages/${id}/`;
  const listed = new Set(parts.map(({ key }) => key));
  let bytes = 0;
  for await (const { key, sizeBytes } of store.list(folder)) {
    if (!listed.has(key) && !isSweptWith(key.slice(folder.length), Date.parse(collect.at))) continue;
    await store.delete(key);
    bytes += sizeBytes;
  }
  const swept = { ...found.manifest, parts: [], output: null, collect: { ...collect, state: 'swept' as const } };
  await write(store, manifestKey, swept, found.etag);
  return bytes;
}

interface Read {
  readonly manifest: StageManifest;
  readonly etag: string;
}

async function readManifest(store: ObjectStore, key: string): Promise<Read | null> {
  const found = await store.get(key);
  const parsed = StageManifest.safeParse(found && JSON.parse(new TextDecoder().decode(found.body)));
  return found && parsed.success ? { manifest: parsed.data, etag: found.etag } : null;
}

async function write(store: ObjectStore, key: string, manifest: StageManifest, etag: string) {
  const body = new TextEncoder().encode(JSON.stringify(manifest));
  return (await store.putIfMatch(key, body, etag, { contentType: 'application/json' })).kind;
}
