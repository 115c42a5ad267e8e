import { StageManifest } from '../../contracts/manifests.ts';
import type { StageSummary } from '../../contracts/run.ts';
import { explainStage } from '../../core/cache/explain.ts';
import type { Explanation, StoredResult } from '../../core/cache/explain.ts';
import type { ObjectStore } from '../ports/object-store.ts';

/** How many of a stage's newest results a miss is compared with. */
const COMPARED = 500;
const PARALLEL_READS = 16;

/** Why each stage of a run was a hit or a miss. Promotion is a step and has no result to reuse. */
export async function explainCache(store: ObjectStore, stages: readonly StageSummary[]): Promise<Explanation[]> {
  const explained: Explanation[] = [];
  for (const { name, cached, manifestKey, remade = null } of stages) {
    if (name === 'promote') continue;
    const own = manifestKey === undefined ? null : await readResult(store, manifestKey);
    const compared = own !== null && !cached && remade === null;
    const others = compared ? await otherResults(store, name, own.createdAt) : [];
    explained.push(explainStage({ stage: name, cached, remade, own }, others));
  }
  return explained;
}

/** The newest results of a stage that were there by a moment; what can't be read is passed over. */
async function otherResults(store: ObjectStore, stage: string, until: string): Promise<StoredResult[]> {
  const keys: { key: string; modifiedMs: number }[] = [];
  for await (const { key, modifiedAt } of store.list(`stages/${stage}/`)) {
    if (/^stages\/[^/]+\/[0-9a-f]{64}\/manifest\.json$/.test(key)) keys.push({ key, modifiedMs: modifiedAt.getTime() });
  }
  // A clock of the store that differs by a minute loses no result; createdAt decides.
  const untilMs = Date.parse(until) + 60_000;
  const newest = keys
    .filter(({ modifiedMs }) => modifiedMs <= untilMs)
    .sort((a, b) => b.modifiedMs - a.modifiedMs)
    .slice(0, COMPARED);
  const results: StoredResult[] = [];
  for (let start = 0; start < newest.length; start += PARALLEL_READS) {
    const batch = newest.slice(start, start + PARALLEL_READS);
    const read = await Promise.all(batch.map(({ key }) => readResult(store, key)));
    results.push(...read.filter((result) => result !== null));
  }
  return results;
}

async function readResult(store: ObjectStore, manifestKey: string): Promise<StoredResult | null> {
  const found = await store.get(manifestKey);
  const parsed = StageManifest.safeParse(found && parsedJson(found.body));
  if (!parsed.success) return null;
  const { key, codeVersion, addressedBy, createdAt } = parsed.data;
  return { key, codeVersion, addressedBy, createdAt };
}

function parsedJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(body));
  } catch {
    return undefined;
  }
}
