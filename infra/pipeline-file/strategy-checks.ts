import { isAugmenting } from '../../core/augment/settings.ts';
import { backboneFacts } from '../../core/backbone-facts.ts';
import { frozenInTheMiddle, isLinear } from '../../core/training/frozen-prefix.ts';
import type { GraftError } from '../../core/errors.ts';
import type { Finding } from '../../contracts/manifests.ts';
import type { PipelineConfig } from '../../contracts/pipeline-config.ts';
import { problem } from './problems.ts';
import type { Path } from './yaml-source.ts';

/** What a strategy can't do, and what it should not. */
export function strategyChecks({ config, place }: { config: PipelineConfig; place(path: Path): string }): {
  problems: GraftError[];
  warnings: Finding[];
} {
  const { model, augment } = config;
  const problems: GraftError[] = [];
  const warnings: Finding[] = [];
  if (isLinear(model.strategy) && isAugmenting(augment) && augment.cachedVariants === null) {
    problems.push(
      problem('CONFIG_VALUE', {
        where: place(['augment']),
        seen: 'drawn anew for every epoch',
        expected: `no augmentation, or augment.cachedVariants: ${model.strategy} reads each image once`,
        remedy: 'write cachedVariants: 4, or choose strategy: head',
      }),
    );
  }
  if (model.cut !== null && !isLinear(model.strategy) && model.strategy !== 'head') {
    problems.push(
      problem('CONFIG_VALUE', {
        where: place(['model', 'cut']),
        seen: `${model.cut} with strategy ${model.strategy}`,
        expected: 'a cut with linear-probe, svm or head',
        remedy: 'leave it out',
      }),
    );
  }
  if (frozenInTheMiddle(model)) {
    const { blocks } = backboneFacts[model.backbone];
    const frozen = blocks - model.lastN;
    const last = Math.max(1, Math.round(blocks / 10));
    const message = `${frozen} of ${blocks} blocks stay frozen and the rest learns: a frozen cut in the middle third parts layers that learnt to work together, and costs accuracy that fine-tuning the whole would win back (Yosinski et al. 1411.1792); write lastN: ${last}, or strategy: full with a small backboneRate`;
    warnings.push({ level: 'warning', code: 'FROZEN_MIDDLE', message });
  }
  return { problems, warnings };
}
