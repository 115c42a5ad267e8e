import type { TrainConfig } from '../../contracts/pipeline-config.ts';
import { canonicalJson } from '../../core/canonical-json.ts';
import type { Json } from '../../core/canonical-json.ts';
import type { Sha256 } from '../../core/ids.ts';
import { spansTraining } from '../../core/training/schedule.ts';
import { sha256Of } from '../lib/hash.ts';

/** The settings of a training that can change a bit of its result. `scheduleEpochs` only where it says something of its own. */
export function telling({
  checkpoint: _,
  memoryLimitMb: __,
  threads: ___,
  featureType: ____,
  scheduleEpochs,
  ...rest
}: TrainConfig) {
  const matters = scheduleEpochs !== null && scheduleEpochs !== rest.epochs && spansTraining(rest.schedule);
  return matters ? { ...rest, scheduleEpochs } : rest;
}

/**
 * Names the way that a training takes, without its length: trainings of one trajectory are in the same state after the
 * same step, so that one can go on from another's checkpoint exactly. The number of epochs counts only where the schedule
 * spans it. `from` is the trajectory whose state it begins with, if that is not its own.
 */
export function trajectoryOf(
  addressedBy: Readonly<Record<string, Json>>,
  { train, cachedVariants }: { readonly train: TrainConfig; readonly cachedVariants: number | null },
): Sha256 {
  const { epochs, scheduleEpochs, ...settings } = { scheduleEpochs: null, ...telling(train) };
  const span = spansTraining(train.schedule) ? (scheduleEpochs ?? epochs) : null;
  const { features = null, ...rest } = addressedBy;
  // Fewer variants are drawn where there are fewer epochs, each at its own address: only the limit matters.
  const codes = features === null ? null : { ...Object(features), variants: cachedVariants };
  return sha256Of(canonicalJson({ ...rest, train: settings, features: codes, span }));
}
