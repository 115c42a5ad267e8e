import type { ConstraintConfig, SpaceConfig } from '../../contracts/sweep-config.ts';
import { Strategy } from '../../contracts/pipeline-config.ts';
import type { PipelineConfig } from '../../contracts/pipeline-config.ts';
import { isAugmenting } from '../../core/augment/settings.ts';
import { blockCosts } from '../../core/backbone-costs.ts';
import { backboneFacts } from '../../core/backbone-facts.ts';
import type { BackboneName } from '../../core/backbone-facts.ts';
import type { Values } from '../../core/search/space.ts';
import { isLinear } from '../../core/training/frozen-prefix.ts';

export interface Preset {
  readonly space: SpaceConfig;
  readonly constraints: readonly ConstraintConfig[];
  /** After the advisor's pick, which needs to see the data. */
  readonly first: readonly Values[];
}

const RATES = [1e-5, 1e-2] as const;
const LAST_BLOCKS = 4;

/**
 * Which backbone, which cut, which rate: backbones with published weights, strategies from a linear classifier on codes to
 * training everything, smaller rates for what is pretrained (cs231n). The base's own choice goes first, after the advisor's
 * pick. Trials that freeze the same part share its codes. What the file says of backbones and strategies itself goes before.
 */
export function strategiesPreset(base: PipelineConfig, written: SpaceConfig): Preset {
  const strategies = Strategy.options.filter((each) => isIn(written, 'model.strategy', each) ?? usable(base, each));
  const networks = backbones(base).filter((each) => isIn(written, 'model.backbone', each) ?? true);
  const trained = strategies.filter((strategy) => !isLinear(strategy));
  const beyondHead = trained.filter((strategy) => strategy !== 'head');
  const linear = strategies.filter((each) => isLinear(each));
  const hasCuts = base.model.cut === null && networks.includes(base.model.backbone) && linear.length > 0;
  const cuts = hasCuts ? earlierCuts(base.model.backbone) : [];
  const space: SpaceConfig = {
    'model.backbone': { choice: networks },
    'model.strategy': { choice: strategies },
    ...(beyondHead.includes('last-n')
      ? { 'model.lastN': { int: [1, LAST_BLOCKS], when: { 'model.strategy': 'last-n' } } }
      : {}),
    ...(cuts.length > 0
      ? {
          'model.cut': {
            choice: [null, ...cuts],
            when: { 'model.backbone': base.model.backbone, 'model.strategy': linear },
          },
        }
      : {}),
    ...(trained.length > 0
      ? { 'train.optimizer.learningRate': { log: [...RATES], when: { 'model.strategy': trained } } }
      : {}),
    ...(beyondHead.length > 0
      ? { 'train.backboneRate': { choice: [0.1, 1], when: { 'model.strategy': beyondHead } } }
      : {}),
    // The others have no use for the weights of one of them.
    ...(isPretrained(base) ? {} : { 'model.weights': { choice: ['imagenet'] } }),
  };
  return { space, constraints: [], first: ownChoice(base, space) };
}

const isPretrained = ({ model }: PipelineConfig): boolean => model.weights !== 'random';

/** What reads each image once can't see it changed anew for every epoch, and a cut that is given leaves nothing behind it to train. */
function usable({ augment, model }: PipelineConfig, strategy: Strategy): boolean {
  if (isLinear(strategy)) return !isAugmenting(augment) || augment.cachedVariants !== null;
  return strategy === 'head' || ((strategy === 'last-n' || strategy === 'full') && model.cut === null);
}

/** Whether a choice of the file's own has it; undefined where the file says nothing. */
const isIn = (written: SpaceConfig, name: string, value: string): boolean | undefined =>
  written[name]?.choice?.includes(value);

/** The base's own first; it alone where its weights are a file's or the champion's, or it ends at a cut. */
function backbones({ model, image }: PipelineConfig): BackboneName[] {
  const sidePx = Math.min(...(image.size ?? [Number.POSITIVE_INFINITY]));
  const others = Object.entries(backboneFacts).flatMap(([name, { hasImagenet, minSizePx }]) =>
    hasImagenet && minSizePx <= sidePx && isBackbone(name) && name !== model.backbone ? [name] : [],
  );
  if (model.weights === 'random') return others;
  return model.weights === 'imagenet' && model.cut === null ? [model.backbone, ...others] : [model.backbone];
}

const isBackbone = (name: string): name is BackboneName => name in backboneFacts;

/** The last block of each earlier size of map: a linear classifier may do better there on pictures unlike ImageNet's. */
function earlierCuts(backbone: BackboneName): string[] {
  const blocks = blockCosts(backbone);
  const last = blocks.at(-1)?.stridePx ?? 0;
  return [8, 16].flatMap((stride) => {
    const block = stride < last ? blocks.findLast(({ stridePx }) => stridePx === stride) : undefined;
    return block ? [block.name] : [];
  });
}

/** What the base itself says, where the space has a place for it. */
function ownChoice({ model, train }: PipelineConfig, space: SpaceConfig): Values[] {
  const { backbone, strategy, lastN, cut } = model;
  const rate = train.optimizer.learningRate;
  if (isIn(space, 'model.backbone', backbone) !== true || isIn(space, 'model.strategy', strategy) !== true) return [];
  const isRateFine = isLinear(strategy) || (rate >= RATES[0] && rate <= RATES[1]);
  if (!isRateFine || (strategy === 'last-n' && lastN > LAST_BLOCKS)) return [];
  const goesBack = strategy === 'last-n' || strategy === 'full';
  if (goesBack && train.backboneRate !== 0.1 && train.backboneRate !== 1) return [];
  return [
    {
      'model.backbone': backbone,
      'model.strategy': strategy,
      ...(strategy === 'last-n' ? { 'model.lastN': lastN } : {}),
      ...(isLinear(strategy) && 'model.cut' in space ? { 'model.cut': cut } : {}),
      ...(isLinear(strategy) ? {} : { 'train.optimizer.learningRate': rate }),
      ...(goesBack ? { 'train.backboneRate': train.backboneRate } : {}),
    },
  ];
}
