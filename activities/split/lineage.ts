import { z } from 'zod';
import { StageManifest } from '../../contracts/manifests.ts';
import type { SplitConfig } from '../../contracts/pipeline-config.ts';
import { canonicalJson } from '../../core/canonical-json.ts';
import type { ObjectStore } from '../../infra/ports/object-store.ts';
import { sha256Of } from '../lib/hash.ts';

const StageKeyField = StageManifest.shape.key;

/** Every split of a data set under the same rules, oldest first; each keeps the sides of the one before. */
const LineageFile = z.object({
  kind: z.literal('graft.split-lineage/1'),
  history: z.array(z.object({ datasetVersion: z.string(), splitKey: StageKeyField, parent: StageKeyField.nullable() })),
});
type LineageFile = z.infer<typeof LineageFile>;
export type Lineage = LineageFile & { readonly etag: string };

const keyOf = (dataset: string, rules: SplitConfig): string =>
  `datasets/${dataset}/splits/${sha256Of(canonicalJson(rules))}.json`;

export async function readLineage(store: ObjectStore, dataset: string, rules: SplitConfig): Promise<Lineage | null> {
  const found = await store.get(keyOf(dataset, rules));
  if (!found) return null;
  return { ...LineageFile.parse(JSON.parse(new TextDecoder().decode(found.body))), etag: found.etag };
}

/** Appends a split; false where somebody else has appended one since `lineage` was read. */
export async function moveLineage(
  store: ObjectStore,
  dataset: string,
  rules: SplitConfig,
  lineage: Lineage | null,
  entry: LineageFile['history'][number],
): Promise<boolean> {
  const next: LineageFile = { kind: 'graft.split-lineage/1', history: [...(lineage?.history ?? []), entry] };
  const body = new TextEncoder().encode(JSON.stringify(next));
  const key = keyOf(dataset, rules);
  const options = { contentType: 'application/json' };
  const put = lineage
    ? await store.putIfMatch(key, body, lineage.etag, options)
    : await store.putIfAbsent(key, body, options);
  return put.kind === 'written';
}
