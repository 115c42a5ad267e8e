import type { RetrainInput } from '../contracts/run.ts';
import type { RetrainingPlan } from '../contracts/retraining.ts';
import type { PlanRetrainingInput } from '../contracts/retraining.ts';
import { CHAMPION } from '../core/training/warm-start.ts';
import { dataStages } from './activity-options.ts';

type Config = RetrainInput['config'];

/** What a run begins with and learns from; null where it is the weights that the pipeline names, and all data. */
export async function planOf(
  { runId, config }: Pick<RetrainInput, 'runId' | 'config'>,
  keys: Pick<PlanRetrainingInput, 'datasetManifestKey' | 'splitManifestKey'>,
  trials?: { readonly fromChampion: boolean },
): Promise<RetrainingPlan | null> {
  const { model, promote, name } = config;
  // What an older graft started says nothing of a window.
  const recent = (config.dataset as Partial<Config['dataset']>).recent ?? null;
  const fromChampion = trials ? trials.fromChampion : model.weights === CHAMPION;
  if (!fromChampion && recent === null) return null;
  const { datasetManifestKey, splitManifestKey } = keys;
  const champion = fromChampion ? { model: promote.model ?? name, alias: promote.alias } : null;
  const network = trials ? null : { backbone: model.backbone, cut: model.cut };
  return dataStages.planRetraining({ runId, champion, network, recent, datasetManifestKey, splitManifestKey });
}
