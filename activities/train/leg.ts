import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TrainOutput } from '../../contracts/manifests.ts';
import type { BlobRef } from '../../contracts/manifests.ts';
import type { TrainInput } from '../../contracts/stages.ts';
import type { Json } from '../../core/canonical-json.ts';
import { failedError } from '../../core/errors.ts';
import type { Sha256, StageKey } from '../../core/ids.ts';
import { isLinear } from '../../core/training/frozen-prefix.ts';
import { runFiles } from '../../core/training/run-files.ts';
import type { ObjectStore } from '../../infra/ports/object-store.ts';
import { requireStage, stageKey } from '../lib/stage.ts';
import { trajectoryOf } from './trajectory.ts';

/** What of a training is to be done, where it begins, and under which address its result lies. */
export interface LegPlan {
  readonly addressedBy: Readonly<Record<string, Json>>;
  readonly key: StageKey;
  readonly trajectory: Sha256;
  /** Null for the whole training. */
  readonly untilEpoch: number | null;
  /** The state that it begins with, if that is not its own newest checkpoint. */
  readonly from: BlobRef | null;
  /** What was logged on the way there. */
  readonly curves: TrainOutput['curves'];
}

/**
 * The whole training, or a part of it. A part that goes on from an earlier part of the same training has the address that
 * it would have from the beginning: the result is the same, bit for bit. One that takes over the weights of another
 * training has that one in its address.
 */
export async function planLeg(
  store: ObjectStore,
  { config, leg: wanted }: TrainInput,
  whole: { readonly addressedBy: Readonly<Record<string, Json>>; readonly codeVersion: number },
): Promise<LegPlan> {
  const { train, augment, model } = config;
  const settings = { train, strategy: model.strategy, cachedVariants: augment.cachedVariants };
  const own = trajectoryOf(whole.addressedBy, settings);
  // A linear classifier is found in one go: each of its parts is the whole.
  const leg = isLinear(config.model.strategy) ? undefined : wanted;
  const from = leg?.from == null ? null : await requireStage(store, leg.from, TrainOutput);
  const isForeign = from !== null && from.paused?.trajectory !== own;
  if (isForeign && leg?.from != null && from.paused === undefined) throw notPaused(leg.from);
  const inherited: Record<string, Json> = isForeign ? { ...whole.addressedBy, inherits: leg?.from ?? null } : {};
  const base = isForeign ? inherited : whole.addressedBy;
  const untilEpoch = leg && leg.untilEpoch < config.train.epochs ? leg.untilEpoch : null;
  const addressedBy = untilEpoch === null ? base : { ...base, untilEpoch };
  return {
    addressedBy,
    key: stageKey('train', whole.codeVersion, addressedBy),
    trajectory: isForeign ? trajectoryOf(inherited, settings) : own,
    untilEpoch,
    from: from?.paused?.checkpoint ?? null,
    curves: from?.curves,
  };
}

function notPaused(manifestKey: string) {
  const seen = 'a training that did not pause: it kept no state to go on from';
  return failedError('LEG_NOT_PAUSED', manifestKey, seen, 'the result of a part of a training');
}

/** The metrics of earlier parts, where this machine has none: the trainer goes on with the file it finds. */
export async function bringMetrics(
  store: ObjectStore,
  runId: string,
  workDir: string,
  curves: TrainOutput['curves'],
): Promise<void> {
  const path = join(workDir, runFiles.metrics);
  if (existsSync(path)) return;
  const histograms = curves && (await store.get(curves.histograms.key, { sha256: curves.histograms.sha256 }));
  if (histograms) await writeFile(join(workDir, runFiles.histograms), histograms.body);
  const found = await store.get(`runs/${runId}/${runFiles.metrics}`);
  if (found) await writeFile(path, found.body);
}
