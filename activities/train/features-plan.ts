import type { PreparedSide, PrepareOutput } from '../../contracts/manifests.ts';
import type { FeatureType, PipelineConfig } from '../../contracts/pipeline-config.ts';
import { augmentParts } from '../../core/augment/settings.ts';
import type { Json } from '../../core/canonical-json.ts';
import { inputError } from '../../core/errors.ts';
import type { StageKey } from '../../core/ids.ts';
import { prefixBlocks, trainingReads } from '../../core/training/frozen-prefix.ts';
import { stageKey } from '../lib/stage.ts';

/** Raise it when the prefix would give other bits for the same pixels, or its files another form. */
export const FEATURES_CODE_VERSION = 1;

/** One side once through the frozen prefix: what is stored under one key, and shared by whoever needs the same. */
export interface PlannedPass {
  readonly side: 'train' | 'validation';
  /** The epoch at whose address augmentation is drawn; null for the images as they are. */
  readonly variant: number | null;
  readonly pixels: PreparedSide;
  readonly addressedBy: Readonly<Record<string, Json>>;
  readonly key: StageKey;
}

export interface FeaturesPlan {
  readonly type: FeatureType;
  /** How often each training image is there; null where it is as it is, once. */
  readonly variants: number | null;
  /** The training side's, variant after variant; then validation. */
  readonly passes: readonly PlannedPass[];
}

export interface FeaturesInput {
  readonly config: PipelineConfig;
  readonly prepared: PrepareOutput;
  readonly normalization: string;
  readonly weightsSha256: string | null;
  readonly threads: number;
  readonly arch: string;
}

/** Which codes of a frozen prefix a training reads; null where it reads pixels. CONFIG_VALUE where they can't be kept. */
export function planFeatures(input: FeaturesInput): FeaturesPlan | null {
  const { config, prepared } = input;
  const { augment, train } = config;
  const reads = trainingReads(config.model, augment, train.epochs);
  if (reads.kind === 'pixels') return null;
  if (reads.augmented) refuseMixing(config);
  const pass = (side: PlannedPass['side'], variant: number | null): PlannedPass => {
    const pixels = prepared.sides[side] ?? { rows: 0, shards: [] };
    const addressedBy = addressOf(input, pixels, variant);
    return { side, variant, pixels, addressedBy, key: stageKey('features', FEATURES_CODE_VERSION, addressedBy) };
  };
  const draws = Array.from({ length: reads.variants }, (_, variant) => (reads.augmented ? variant : null));
  return {
    type: train.featureType,
    variants: reads.augmented ? reads.variants : null,
    passes: [...draws.map((variant) => pass('train', variant)), pass('validation', null)],
  };
}

/**
 * Everything that the bits hang on, and nothing else: not the strategy that froze the prefix, nor the head behind it, nor
 * the names of the classes, nor which side the images are on. Labels count: they are stored beside the codes, and in the
 * shards that are hashed here.
 */
function addressOf(input: FeaturesInput, pixels: PreparedSide, variant: number | null): Record<string, Json> {
  const { config, prepared, normalization, weightsSha256, threads, arch } = input;
  const { seed, featureType } = config.train;
  const { cachedVariants: _, mixup: __, cutmix: ___, ...settings } = config.augment;
  return {
    pixels: pixels.shards.map(({ sha256 }) => sha256),
    image: prepared.image,
    backbone: config.model.backbone,
    normalization,
    weightsSha256,
    // Random weights are drawn from it.
    seed: weightsSha256 === null ? seed : null,
    prefixBlocks: prefixBlocks(config.model),
    ...(config.model.cut === null ? {} : { cut: config.model.cut }),
    ...(config.model.firstKernels === 'sum' ? {} : { firstKernels: config.model.firstKernels }),
    augmentation: variant === null ? null : { settings, seed, variant },
    type: featureType,
    threads,
    arch,
  };
}

/** They mix images of a batch, with their targets: what goes through the prefix would be another batch's. */
function refuseMixing({ augment }: PipelineConfig): void {
  const { mixup, cutmix } = augmentParts(augment);
  if (!mixup && !cutmix) return;
  throw inputError(
    'CONFIG_VALUE',
    'augment.cachedVariants',
    `${augment.cachedVariants} with ${mixup ? 'mixup' : 'cutmix'}, which mixes the images of a batch anew`,
    'null, or neither mixup nor cutmix',
    'take one of them out',
  );
}
