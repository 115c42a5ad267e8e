import { z } from 'zod';
import { SplitOutput } from '../../contracts/manifests.ts';
import type { SplitConfig } from '../../contracts/pipeline-config.ts';
import { canonicalJson } from '../../core/canonical-json.ts';
import type { Json } from '../../core/canonical-json.ts';
import { failedError, inputError } from '../../core/errors.ts';
import { isSha256 } from '../../core/ids.ts';
import type { StageKey } from '../../core/ids.ts';
import { ok } from '../../core/result.ts';
import type { Result } from '../../core/result.ts';
import type { ObjectStore } from '../../infra/ports/object-store.ts';
import { sha256Of } from '../lib/hash.ts';
import { readJson, writeJsonIfAbsent, writeJsonIfMatch } from '../lib/json-object.ts';
import type { StoredJson } from '../lib/json-object.ts';
import { readStage, stageManifestKey } from '../lib/stage.ts';

const Key = z.custom<StageKey>((value) => typeof value === 'string' && isSha256(value), 'a stage key');

/** One split of the lineage: of which data set, and whose sides it kept. */
const LineageEntry = z.object({
  dataset: z.string(),
  split: Key,
  parent: Key.nullable(),
  /** In k-fold: which of them validates. All are of one lineage. */
  fold: z.int().optional(),
});
export type LineageEntry = z.infer<typeof LineageEntry>;

/** `datasets/<name>/splits/<hash of the rules>.json`, moved by `If-Match`: the splits under the same rules, newest last. */
const SplitLineage = z.object({ kind: z.literal('graft.split-lineage/1'), splits: z.array(LineageEntry).min(1) });
type SplitLineage = z.infer<typeof SplitLineage>;

export type StoredLineage = StoredJson<SplitLineage> | null;

/** Data sets whose split is found again as it was. Sides are remembered for ever, by the newest split. */
const REMEMBERED = 100;

/** The rules as they were written before there were more of them, so that old lineages and splits are found. */
export function rulesJson({ folds, given, ...rules }: SplitConfig): Record<string, Json> {
  return { ...rules, ...(folds ? { folds } : {}), ...(given === 'ignore' ? { given } : {}) };
}

export const foldOf = ({ folds }: SplitConfig): { fold?: number } => (folds ? { fold: folds.index } : {});

export function lineageKey(datasetName: string, rules: SplitConfig): string {
  const shared = { ...rulesJson(rules), ...(rules.folds ? { folds: rules.folds.count } : {}) };
  return `datasets/${datasetName}/splits/${sha256Of(canonicalJson(shared))}.json`;
}

export async function readLineage(store: ObjectStore, key: string, signal: AbortSignal): Promise<StoredLineage> {
  const found = await readJson(store, key, parseLineage, { signal });
  if (!found.ok) throw found.error;
  return found.value;
}

function parseLineage(value: unknown): Result<SplitLineage, ReturnType<typeof inputError>> {
  const parsed = SplitLineage.safeParse(value);
  if (parsed.success) return ok(parsed.data);
  const error = inputError('SPLIT_LINEAGE', 'split lineage', 'a record that does not parse', 'graft.split-lineage/1');
  return { ok: false, error };
}

/** What a split of this data set starts from: its own earlier entry, or a new one that keeps the newest one's sides. */
export function entryFor(
  lineage: StoredLineage,
  dataset: string,
  rules: SplitConfig,
): { own: LineageEntry | null; parent: StageKey | null } {
  const splits = lineage?.value.splits ?? [];
  const { fold } = foldOf(rules);
  const own = splits.findLast((entry) => entry.dataset === dataset && entry.fold === fold) ?? null;
  return { own, parent: own ? own.parent : (splits.at(-1)?.split ?? null) };
}

/** False where somebody else moved the lineage meanwhile. */
export async function extendLineage(
  store: ObjectStore,
  key: string,
  lineage: StoredLineage,
  entry: LineageEntry,
  signal: AbortSignal,
): Promise<boolean> {
  const splits = [...(lineage?.value.splits ?? []), entry].slice(-REMEMBERED);
  const value: SplitLineage = { kind: 'graft.split-lineage/1', splits };
  const { put } =
    lineage === null
      ? await writeJsonIfAbsent(store, key, value, { signal })
      : await writeJsonIfMatch(store, key, value, lineage.etag, { signal });
  return put.kind === 'written';
}

/** The output of the split whose sides are kept. SPLIT_LINEAGE (failed) where it is gone: sides must not be dealt anew. */
export async function parentSplit(store: ObjectStore, parent: StageKey): Promise<SplitOutput> {
  const key = stageManifestKey('split', parent);
  const found = await readStage(store, key, SplitOutput);
  if (found) return found.output;
  throw failedError(
    'SPLIT_LINEAGE',
    `${store.bucket}/${key}`,
    'the split before this one is gone, and with it the sides that images were on',
    'its manifest and assignments',
    'restore them, or choose another dataset.split.seed to begin a new split',
  );
}
