import type { ConstraintConfig, SpaceConfig } from '../../contracts/sweep-config.ts';
import type { PipelineConfig } from '../../contracts/pipeline-config.ts';
import { backboneFacts } from '../../core/backbone-facts.ts';
import type { Values } from '../../core/search/space.ts';

/**
 * Which backbone, which cut, which rate: backbones with published weights, strategies from the head alone to everything,
 * smaller rates the more of the pretrained part learns (cs231n: a smaller rate for pretrained weights). The base's own
 * choice goes first. Trials that freeze the same part share its codes.
 */
export function strategiesPreset(base: PipelineConfig): {
  readonly space: SpaceConfig;
  readonly constraints: readonly ConstraintConfig[];
  readonly first: readonly Values[];
} {
  const own = base.model.backbone;
  const others = Object.entries(backboneFacts).flatMap(([name, { hasImagenet }]) => (hasImagenet ? [name] : []));
  const strategies = ['head', 'last-n', 'full'];
  const space: SpaceConfig = {
    'model.backbone': { choice: [own, ...others.filter((name) => name !== own)] },
    'model.strategy': { choice: strategies },
    'model.lastN': { int: [1, 4], when: { 'model.strategy': 'last-n' } },
    'train.optimizer.learningRate': { log: [1e-5, 1e-2] },
  };
  const { strategy, lastN } = base.model;
  const rate = base.train.optimizer.learningRate;
  const fits = strategies.includes(strategy) && rate >= 1e-5 && rate <= 1e-2 && lastN <= 4;
  const pick: Values = {
    'model.backbone': own,
    'model.strategy': strategy,
    ...(strategy === 'last-n' ? { 'model.lastN': lastN } : {}),
    'train.optimizer.learningRate': rate,
  };
  return {
    space,
    constraints: [],
    first: fits ? [pick] : [],
  };
}
