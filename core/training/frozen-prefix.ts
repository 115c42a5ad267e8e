import { isAugmenting } from '../augment/settings.ts';
import type { AugmentSettings } from '../augment/settings.ts';
import { backboneFacts } from '../backbone-facts.ts';
import type { BackboneName } from '../backbone-facts.ts';
import type { LinearKind } from '../linear/classifiers.ts';

/** What learns: `linear-probe` and `svm` are solved exactly on codes, the others go down the gradient. */
export type Strategy = LinearKind | 'head' | 'last-n' | 'gradual' | 'full' | 'scratch';

export const isLinear = (strategy: Strategy): strategy is LinearKind =>
  strategy === 'linear-probe' || strategy === 'svm';

export interface LearningShape {
  readonly backbone: BackboneName;
  readonly strategy: Strategy;
  readonly lastN: number;
}

/**
 * How many blocks at the front neither learn nor draw: what ml/trainer/model.ts calls the prefix, without TensorFlow.
 * Behind a whole backbone the head's pooling belongs to it, as it has nothing to learn.
 */
export function prefixBlocks({ backbone, strategy, lastN }: LearningShape): number {
  const { blocks } = backboneFacts[backbone];
  switch (strategy) {
    case 'head':
    case 'linear-probe':
    case 'svm':
      return blocks + 1;
    case 'last-n':
      return Math.max(0, blocks - lastN);
    case 'gradual':
    case 'full':
    case 'scratch':
      return 0;
  }
}

/**
 * Whether the frozen part ends in the middle third of the backbone while what follows learns: there features of adjacent
 * layers depend on each other (Yosinski et al. 1411.1792 §4.1). A rule of thumb, not a number of the paper.
 */
export function frozenInTheMiddle({ backbone, strategy, lastN }: LearningShape): boolean {
  const { blocks } = backboneFacts[backbone];
  const share = (blocks - lastN) / blocks;
  return strategy === 'last-n' && share > 1 / 3 && share < 2 / 3;
}

/**
 * What a training reads. `codes`: the frozen prefix's output, kept once an image, or, where augmentation is drawn, once
 * for each of `variants` draws. `pixels`: the prefix runs in every step, or there is none.
 */
export type TrainingReads =
  { readonly kind: 'pixels' } | { readonly kind: 'codes'; readonly augmented: boolean; readonly variants: number };

export function trainingReads(
  shape: LearningShape,
  augment: AugmentSettings & { readonly cachedVariants: number | null },
  epochs: number,
): TrainingReads {
  if (prefixBlocks(shape) === 0) return { kind: 'pixels' };
  if (!isAugmenting(augment)) return { kind: 'codes', augmented: false, variants: 1 };
  if (augment.cachedVariants === null) return { kind: 'pixels' };
  // A variant that no epoch comes to would be computed for nothing.
  return {
    kind: 'codes',
    augmented: true,
    variants: isLinear(shape.strategy) ? augment.cachedVariants : Math.min(augment.cachedVariants, epochs),
  };
}

/** Rows of a file of codes: fixed, so that neither the bits nor the file's name hang on where a computation was killed. */
export const CODE_SHARD_ROWS = 256;

export interface CodeShardRange {
  readonly index: number;
  readonly start: number;
  readonly rows: number;
}

/** How the codes of so many images are cut into files. */
export function codeShards(rows: number): CodeShardRange[] {
  return Array.from({ length: Math.ceil(rows / CODE_SHARD_ROWS) }, (_, index) => {
    const start = index * CODE_SHARD_ROWS;
    return { index, start, rows: Math.min(CODE_SHARD_ROWS, rows - start) };
  });
}
