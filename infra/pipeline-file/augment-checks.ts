import type { GraftError } from '../../core/errors.ts';
import type { Finding } from '../../contracts/manifests.ts';
import type { AugmentConfig, PipelineConfig } from '../../contracts/pipeline-config.ts';
import { problem, shown } from './problems.ts';
import type { Path } from './yaml-source.ts';

interface Context {
  readonly config: PipelineConfig;
  place(path: Path): string;
}

/** What no single key of `augment` can say. */
export function augmentChecks(context: Context): { problems: GraftError[]; warnings: Finding[] } {
  return { problems: [...reversedRanges(context), ...mixedTwice(context)], warnings: colourOfGrey(context) };
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

function colourOfGrey({ config }: Context): Finding[] {
  const { saturation, hue } = config.augment;
  if (config.image.color !== 'gray' || (saturation === 0 && hue === 0)) return [];
  const message = 'augment.saturation and augment.hue change nothing in gray pictures (image.color: gray)';
  return [{ level: 'warning', code: 'AUGMENT_IDLE', message }];
}
