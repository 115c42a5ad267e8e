import { StageManifest } from '../../../contracts/manifests.ts';
import type { StageSummary } from '../../../contracts/run.ts';
import type { CacheStage, CacheView } from '../../../contracts/web.ts';
import type { Explanation } from '../../../core/cache/explain.ts';
import { inputError } from '../../../core/errors.ts';
import type { RunId } from '../../../core/ids.ts';
import { explainCache } from '../../../infra/clients/cache.ts';
import { readJson } from '../../../infra/clients/read-json.ts';
import { readRunReport } from '../../../infra/clients/stored-run.ts';
import type { ObjectStore } from '../../../infra/ports/object-store.ts';
import type { Backend } from '../backend.ts';

/**
 * The stages that a run has finished, and why each was taken or made anew: what `graft cache explain` says. Throws
 * CACHE_UNKNOWN (404) where nothing is known of its stages.
 */
export async function cacheView({ store, clients }: Pick<Backend, 'store' | 'clients'>, runId: RunId) {
  const report = await readRunReport(store, runId);
  const finished = report?.stages ?? (await (await clients()).runs.observe(runId)).progress?.stages;
  const stages = (finished ?? []).filter(({ manifestKey }) => manifestKey !== undefined);
  if (stages.length === 0) {
    const remedy = 'wait for its first stage; of a run of an older graft it was not kept';
    throw inputError(
      'CACHE_UNKNOWN',
      `run ${runId}`,
      'nothing is known of its stages',
      'a stage that was done',
      remedy,
    );
  }
  const explained = new Map((await explainCache(store, stages)).map((each) => [each.stage, each]));
  const view: CacheView = { runId, stages: [] };
  for (const stage of stages) {
    const why = explained.get(stage.name);
    const found = why && (await stageView(store, stage, why));
    if (found) view.stages.push(found);
  }
  return view;
}

async function stageView(store: ObjectStore, { manifestKey = '' }: StageSummary, why: Explanation) {
  const manifest = await readJson(store, manifestKey, StageManifest);
  if (!manifest) return null;
  const { stage, key, addressedBy, createdAt, codeVersion, parts } = manifest;
  const changed = (field: string): boolean =>
    why.changes.some((change) => change.field === field || change.field.startsWith(`${field}.`));
  const fields = Object.entries({ ...addressedBy, codeVersion }).filter(([field]) => !changed(field));
  const found: CacheStage = {
    ...{ stage, key, createdAt, cached: why.cached, why: why.text },
    sizeBytes: parts.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    fields: [
      ...why.changes.map(({ field, before, after }) => ({ field, value: text(after), other: text(before) })),
      ...fields.map(([field, value]) => ({ field, value: text(value), other: null })),
    ],
  };
  return found;
}

const text = (value: unknown): string => (JSON.stringify(value) ?? '–').slice(0, 400);
