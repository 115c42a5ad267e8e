import { SplitOutput } from '../../contracts/manifests.ts';
import type { ModelVersion } from '../../contracts/registry.ts';
import type { PlanRetrainingInput } from '../../contracts/retraining.ts';
import { failedError, inputError } from '../../core/errors.ts';
import type { StageKey } from '../../core/ids.ts';
import { asSha256, asStageKey } from '../../core/ids.ts';
import { classesProblem, networkProblem } from '../../core/training/warm-start.ts';
import type { ObjectStore } from '../../infra/ports/object-store.ts';
import { readAliases, readVersion, registryKeys } from '../lib/registry.ts';
import { readStage, stageManifestKey } from '../lib/stage.ts';
import { sidesOf } from './ages.ts';
import type { AgedItem } from './ages.ts';

const ELSE = 'model.weights: imagenet';

/**
 * The version that a retraining begins with. WARM_START_NONE, _NETWORK, _CLASSES and _SEEN (input) where there is none or it
 * does not fit: of another network, of other classes, or trained with what is tested with now.
 */
export async function championStart(
  store: ObjectStore,
  { champion: named, network }: PlanRetrainingInput,
  split: SplitOutput,
): Promise<ModelVersion | null> {
  if (named === null) return null;
  const { model, alias } = named;
  const version = (await readAliases(store, model)).value.aliases[alias];
  if (version === undefined) {
    const remedy = `promote one first: train once with ${ELSE}`;
    throw inputError('WARM_START_NONE', `models/${model}`, `no ${alias}`, 'a version to start from', remedy);
  }
  const found = await readVersion(store, model, version);
  const stored = found && (await store.head(found.weights.key));
  if (!found || stored?.sizeBytes !== found.weights.sizeBytes) {
    const seen = found ? 'its weights are gone or cut' : 'its manifest is gone';
    throw failedError('WARM_START_GONE', registryKeys.version(model, version), seen, 'both', `roll back, or ${ELSE}`);
  }
  const start = { model, version, backbone: found.model.backbone, cut: found.model.cut ?? null };
  const wrong =
    (network && networkProblem(start, network)) ?? classesProblem(start, found.model.classes, split.classes);
  if (wrong) throw wrong;
  return found;
}

/**
 * The sides of what the champion was trained with. WARM_START_SEEN (input) where images that are held out now are among
 * what it learnt from: every figure would flatter.
 */
export async function championSides(
  store: ObjectStore,
  { name, version, lineage }: ModelVersion,
  items: readonly AgedItem[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, unknown>> {
  const key: StageKey = asStageKey(asSha256(lineage.splitKey));
  const where = `${name} version ${version}`;
  const found = await readStage(store, stageManifestKey('split', key), SplitOutput);
  if (!found) {
    const seen = 'the split that it was trained with is gone';
    throw failedError('WARM_START_SEEN', where, seen, 'a record of what it has learnt from', ELSE);
  }
  const sides = await sidesOf(store, found.output.assignments, signal);
  const heldOut = items.filter(({ side }) => side !== 'train');
  const seen = heldOut.filter(({ unit }) => sides.get(unit) === 'train').length;
  if (seen === 0) return sides;
  const said = `it was trained with ${seen} of the ${heldOut.length} images that validate and test now`;
  const remedy = `keep dataset.split and dataset.name as they were, or ${ELSE}`;
  throw inputError('WARM_START_SEEN', where, said, 'images that it has not seen', remedy);
}
