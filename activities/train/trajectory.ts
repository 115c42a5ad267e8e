import type { Strategy, TrainConfig } from '../../contracts/pipeline-config.ts';
import { canonicalJson } from '../../core/canonical-json.ts';
import type { Json } from '../../core/canonical-json.ts';
import type { Sha256 } from '../../core/ids.ts';
import { isLinear } from '../../core/training/frozen-prefix.ts';
import { spansTraining } from '../../core/training/schedule.ts';
import { sha256Of } from '../lib/hash.ts';

/** The settings of a training that can change a bit of its result. */
export function telling(train: TrainConfig, strategy: Strategy) {
  const { checkpoint: _, memoryLimitMb: __, threads: ___, featureType: ____, ...rest } = train;
  return withoutLaterDefaults(rest, strategy);
}

/** Keys that came later are left out where they change nothing: what an older graft trained is still found. */
function withoutLaterDefaults<
  T extends Pick<
    TrainConfig,
    'stopWhen' | 'onNonFinite' | 'budget' | 'linear' | 'gradual' | 'scheduleEpochs' | 'epochs' | 'schedule'
  >,
>(train: T, strategy: Strategy) {
  const { stopWhen, onNonFinite, budget, linear, gradual, scheduleEpochs, ...rest } = train;
  const spansLess =
    scheduleEpochs !== null &&
    scheduleEpochs !== rest.epochs &&
    (strategy === 'gradual' || spansTraining(rest.schedule));
  return {
    ...rest,
    ...(Object.keys(stopWhen).length > 0 ? { stopWhen } : {}),
    ...(onNonFinite.kind === 'fail' ? {} : { onNonFinite }),
    ...(budget === null ? {} : { budget }),
    ...(isLinear(strategy) ? { linear } : {}),
    ...(strategy === 'gradual' ? { gradual } : {}),
    ...(spansLess ? { scheduleEpochs } : {}),
  };
}

interface Travelled {
  readonly train: TrainConfig;
  readonly strategy: Strategy;
  readonly cachedVariants: number | null;
}

/**
 * Names the way that a training takes, without its length: trainings of one trajectory are in the same state after the
 * same step, so that one can go on from another's checkpoint exactly. The number of epochs counts only where the schedule
 * spans it. What another training's state was taken over for is part of the address already.
 */
export function trajectoryOf(
  addressedBy: Readonly<Record<string, Json>>,
  { train, strategy, cachedVariants }: Travelled,
): Sha256 {
  const { features = null, train: told = null, ...rest } = addressedBy;
  const { epochs: _, scheduleEpochs: __, ...settings } = mapOf(told);
  const span = strategy === 'gradual' || spansTraining(train.schedule) ? (train.scheduleEpochs ?? train.epochs) : null;
  // Fewer variants are drawn where there are fewer epochs, each at its own address: only the limit matters.
  const codes = features === null ? null : { ...mapOf(features), variants: cachedVariants };
  return sha256Of(canonicalJson({ ...rest, train: settings, features: codes, span }));
}

function mapOf(value: Json): { readonly [key: string]: Json | undefined } {
  if (typeof value !== 'object' || value === null || isList(value)) throw new Error('not a mapping');
  return value;
}

const isList = (value: object): value is readonly Json[] => Array.isArray(value);
