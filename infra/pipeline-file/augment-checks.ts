import type { GraftError } from '../../core/errors.ts';
import type { Finding } from '../../contracts/manifests.ts';
import type { AugmentConfig, PipelineConfig } from '../../contracts/pipeline-config.ts';
import { augmentParts, isAugmenting } from '../../core/augment/settings.ts';
import { prefixBlocks } from '../../core/training/frozen-prefix.ts';
import { problem, shown } from './problems.ts';
import type { Path } from './yaml-source.ts';

interface Context {
  readonly config: PipelineConfig;
  place(path: Path): string;
}

/** What no single key of `augment` can say. */
export function augmentChecks(context: Context): { problems: GraftError[]; warnings: Finding[] } {
  const problems = [...reversedRanges(context), ...mixedTwice(context), ...cachedMixing(context)];
  return { problems, warnings: [...colourOfGrey(context), ...cachedForNothing(context)] };
}

function reversedRanges({ config, place }: Context): GraftError[] {
  return rangesOf(config.augment).flatMap(({ path, range }) => {
    const [min, max] = range;
    if (min <= max) return [];
    const where = place(['augment', ...path]);
    const expected = '[min, max], the smaller first';
    return [problem('CONFIG_VALUE', { where, seen: shown(range), expected, remedy: `write [${max}, ${min}]` })];
  });
}

function rangesOf({ crop, zoom, blur, erase }: AugmentConfig): { path: string[]; range: readonly [number, number] }[] {
  const ranges: [string[], readonly [number, number] | undefined | null][] = [
    [['crop', 'area'], crop?.area],
    [['crop', 'aspect'], crop?.aspect],
    [['zoom'], zoom],
    [['blur', 'sigmaPx'], blur?.sigmaPx],
    [['erase', 'area'], erase?.area],
    [['erase', 'aspect'], erase?.aspect],
  ];
  return ranges.flatMap(([path, range]) => (range == null ? [] : [{ path, range }]));
}

/** An image is mixed in one way at most: the probabilities share one draw. */
function mixedTwice({ config, place }: Context): GraftError[] {
  const { mixup, cutmix } = config.augment;
  if (mixup === null || cutmix === null || mixup.probability + cutmix.probability <= 1) return [];
  return [
    problem('CONFIG_VALUE', {
      where: place(['augment', 'cutmix']),
      seen: `mixup with probability ${mixup.probability} and cutmix with ${cutmix.probability}`,
      expected: 'a sum of at most 1: an image is mixed in one way',
      remedy: 'write probability: 0.5 in both, or take one of them out',
    }),
  ];
}

/** Mixing takes an image and its target from the batch: no output of the trunk could be kept for one image. */
function cachedMixing({ config, place }: Context): GraftError[] {
  const { cachedVariants } = config.augment;
  const { mixup, cutmix } = augmentParts(config.augment);
  if (cachedVariants === null || !(mixup || cutmix) || prefixBlocks(config.model) === 0) return [];
  return [
    problem('CONFIG_VALUE', {
      where: place(['augment', 'cachedVariants']),
      seen: `${cachedVariants} with ${mixup ? 'mixup' : 'cutmix'}, which mixes the images of a batch anew`,
      expected: 'null, or neither mixup nor cutmix',
      remedy: 'take one of them out',
    }),
  ];
}

function cachedForNothing({ config }: Context): Finding[] {
  const { augment, model } = config;
  if (augment.cachedVariants === null) return [];
  const why =
    prefixBlocks(model) === 0
      ? `nothing is frozen (model.strategy: ${model.strategy})`
      : isAugmenting(augment)
        ? null
        : 'no augmentation is on, and each image is kept once anyway';
  if (why === null) return [];
  return [{ level: 'warning', code: 'AUGMENT_IDLE', message: `augment.cachedVariants changes nothing: ${why}` }];
}

function colourOfGrey({ config }: Context): Finding[] {
  const { saturation, hue } = config.augment;
  if (config.image.color !== 'gray' || (saturation === 0 && hue === 0)) return [];
  const message = 'augment.saturation and augment.hue change nothing in gray pictures (image.color: gray)';
  return [{ level: 'warning', code: 'AUGMENT_IDLE', message }];
}
