import { ModelVersion } from '../../../contracts/registry.ts';
import type { StageManifest, StoredStage } from '../../../contracts/manifests.ts';
import type { CacheStage, CacheView } from '../../../contracts/web.ts';
import { inputError } from '../../../core/errors.ts';
import type { RunId } from '../../../core/ids.ts';
import { changedFields } from '../../../core/promotion/differences.ts';
import { readJson } from '../../../infra/clients/read-json.ts';
import { readStageManifest } from '../../../infra/clients/read-stage.ts';
import { readRunReport } from '../../../infra/clients/stored-run.ts';
import type { ObjectStore } from '../../../infra/ports/object-store.ts';
import type { StageIndex } from './stage-index.ts';

/** Stages of a run that its model's lineage names, and why each was taken or made anew. RUN_NOT_EVALUATED (404). */
export async function cacheView(store: ObjectStore, stages: StageIndex, runId: RunId): Promise<CacheView> {
  const report = await readRunReport(store, runId);
  const model = report?.model;
  const key = `models/${model?.name ?? ''}/versions/${model?.version ?? 0}/manifest.json`;
  const version = model?.version == null ? null : await readJson(store, key, ModelVersion);
  if (!report || !version) {
    throw inputError(
      'RUN_NOT_EVALUATED',
      `run ${runId}`,
      'it has registered no model',
      'a run that has',
      'wait for its end',
    );
  }
  const { splitKey, prepareKey, trainKey, evaluateKey, gateKey } = version.lineage;
  const keys: [StoredStage, string][] = [
    ['split', splitKey],
    ['prepare', prepareKey],
    ['train', trainKey],
    ['evaluate', evaluateKey],
    ['gate', gateKey],
  ];
  const found: CacheStage[] = [];
  for (const [stage, stageKey] of keys) {
    const manifest = await readStageManifest(store, stage, stageKey);
    const cached = report.stages.find(({ name }) => name === stage)?.cached ?? false;
    if (manifest) found.push(stageView(manifest, cached, await stages.all(stage)));
  }
  return { runId, stages: found };
}

function stageView(manifest: StageManifest, cached: boolean, others: readonly StageManifest[]): CacheStage {
  const { stage, key, addressedBy, createdAt, codeVersion, parts } = manifest;
  const whole = (each: StageManifest) => ({ ...each.addressedBy, codeVersion: each.codeVersion });
  // The nearest: what differs in the fewest fields of those that were there before.
  const compared = others
    .filter((other) => other.key !== key && other.createdAt < createdAt)
    .map((other) => ({ other, changes: changedFields(whole(other), whole(manifest)) }))
    .sort((a, b) => a.changes.length - b.changes.length || (a.other.createdAt < b.other.createdAt ? 1 : -1));
  const changes = compared[0]?.changes ?? [];
  const names = changes.map(({ field }) => field);
  const made =
    names.length === 0 ? 'made anew: there was nothing like it' : `made anew: other ${names.slice(0, 5).join(', ')}`;
  const top = Object.entries({ ...addressedBy, codeVersion });
  return {
    ...{ stage, key, cached, createdAt },
    sizeBytes: parts.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    why: cached ? 'found done: every field is the same, and all its parts are there' : made,
    fields: [
      ...changes.map(({ field, before, after }) => ({ field, value: text(after), other: text(before) })),
      ...top
        .filter(([field]) => !names.some((name) => name === field || name.startsWith(`${field}.`)))
        .map(([field, value]) => ({ field, value: text(value), other: null })),
    ],
  };
}

const text = (value: unknown): string => (JSON.stringify(value) ?? '–').slice(0, 400);
