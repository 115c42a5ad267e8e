import type { RetiredVersion } from '../../contracts/version-notes.ts';
import { inputError } from '../../core/errors.ts';
import { judgeRetention } from '../../core/promotion/retention.ts';
import type { RetentionRules } from '../../core/promotion/retention.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { dropArchives } from './exports.ts';
import { entriesOf, readLedger } from './ledger.ts';
import type { RegisteredModel } from './registry.ts';
import { readRetired, readTags, retiredKey } from './version-notes.ts';

export interface Retention {
  readonly version: number;
  /** Null where it may be retired. */
  readonly stays: string | null;
  readonly retired: boolean;
  readonly weightsBytes: number;
}

/** What becomes of each version under these rules; nothing is changed. */
export async function planRetention(
  store: ObjectStore,
  { name, versions, aliases }: RegisteredModel,
  rules: RetentionRules,
): Promise<Retention[]> {
  const retired = await readRetired(store, name);
  const moves = entriesOf(await readLedger(store, name));
  const tagged = await Promise.all(
    versions.map(async ({ version, createdAt }) => ({
      version,
      createdAt,
      tags: await readTags(store, name, version),
    })),
  );
  const stays = judgeRetention(tagged, aliases, moves, rules);
  return versions.map(({ version, weights }) => ({
    ...{ version, stays: stays.get(version) ?? null },
    ...{ retired: retired.has(version), weightsBytes: weights.sizeBytes },
  }));
}

/** Lets go of a version's weights and kept exports: no alias takes it any more, and the next `graft cache gc` may mark them. */
export async function retire(store: ObjectStore, name: string, record: Omit<RetiredVersion, 'kind'>): Promise<void> {
  const body = new TextEncoder().encode(JSON.stringify({ kind: 'graft.retired-version/1', ...record }));
  await store.putIfAbsent(retiredKey(name, record.version), body, { contentType: 'application/json' });
  // They can be made anew for as long as the weights are there.
  await dropArchives(store, name, record.version);
}

/** Takes a retirement back. NOT_RETIRED and WEIGHTS_GONE (input). */
export async function unretire(
  store: ObjectStore,
  { name, versions }: RegisteredModel,
  version: number,
): Promise<void> {
  const where = `${name} version ${version}`;
  const found = versions.find((each) => each.version === version);
  if (!found || !(await readRetired(store, name)).has(version)) {
    throw inputError('NOT_RETIRED', where, 'it is not retired', 'a retired version', `graft models show ${name}`);
  }
  if ((await store.head(found.weights.key)) === null) {
    const remedy = 'train it again from its lineage: graft models lineage';
    throw inputError('WEIGHTS_GONE', where, 'its weights were swept since', 'weights that are still there', remedy);
  }
  await store.delete(retiredKey(name, version));
}
