import { PrepareOutput } from '../../contracts/manifests.ts';
import type { EvaluateOutput } from '../../contracts/manifests.ts';
import type { ModelVersion } from '../../contracts/registry.ts';
import type { Evidence } from '../../contracts/stages.ts';
import { GraftError } from '../../core/errors.ts';
import { evaluateOnTest } from '../evaluate/evaluate.ts';
import { readVersion } from '../lib/registry.ts';
import { requireStage } from '../lib/stage.ts';
import type { StageAnswer } from '../lib/stage.ts';
import { createPrepareActivities } from '../prepare/prepare.ts';
import type { TrainPorts } from '../ports.ts';

/** The champion as the registry has it. What is there and can't be read is never taken for "there is none". */
export type FoundChampion =
  | { readonly kind: 'none' }
  | { readonly kind: 'unreadable'; readonly version: number; readonly why: string }
  | { readonly kind: 'found'; readonly champion: ModelVersion };

export async function findChampion(
  { store }: TrainPorts,
  model: string,
  version: number | undefined,
): Promise<FoundChampion> {
  if (version === undefined) return { kind: 'none' };
  try {
    const champion = await readVersion(store, model, version);
    if (champion === null) return { kind: 'unreadable', version, why: 'its manifest is gone' };
    const { weights } = champion;
    const stored = await store.head(weights.key);
    if (stored === null) return { kind: 'unreadable', version, why: 'its weights are gone' };
    if (stored.sizeBytes !== weights.sizeBytes) return { kind: 'unreadable', version, why: 'its weights are cut' };
    return { kind: 'found', champion };
  } catch (error) {
    if (error instanceof GraftError && error.code === 'REGISTRY_FORMAT') {
      return { kind: 'unreadable', version, why: 'its manifest can’t be read' };
    }
    throw error;
  }
}

/** What reading weights fails with when they are not what was stored, after the retries of the store. */
const DAMAGED = new Set(['STORE_CORRUPT', 'STORE_NOT_FOUND', 'MODEL_WEIGHTS', 'MODEL_FORMAT']);

/** The champion on the challenger's test pictures, rendered as the champion wants them; or why that can't be. */
export async function scoreChampion(
  ports: TrainPorts,
  { model, weights }: ModelVersion,
  evidence: Evidence,
): Promise<StageAnswer<EvaluateOutput> | { readonly why: string }> {
  const prepared = await testSideFor(ports, model, evidence);
  try {
    return await evaluateOnTest(ports, { model, weights }, prepared);
  } catch (error) {
    if (!(error instanceof GraftError) || !DAMAGED.has(error.code)) throw error;
    // The challenger's own pictures may be what is damaged: then it is no verdict on the champion.
    if (!error.message.includes(weights.key) && !error.code.startsWith('MODEL_')) throw error;
    return { why: `its weights can’t be read (${error.code})` };
  }
}

async function testSideFor(
  ports: TrainPorts,
  { image, detector }: ModelVersion['model'],
  { datasetManifestKey, splitManifestKey, prepareManifestKey }: Evidence,
): Promise<PrepareOutput> {
  const own = await requireStage(ports.store, prepareManifestKey, PrepareOutput);
  if (JSON.stringify(own.image) === JSON.stringify(image)) return own;
  const { prepareImages } = createPrepareActivities(ports);
  const { manifestKey } = await prepareImages({
    ...{ datasetManifestKey, splitManifestKey, image, sides: ['test'] },
    ...(detector ? { task: 'detection' } : {}),
  });
  return requireStage(ports.store, manifestKey, PrepareOutput);
}
