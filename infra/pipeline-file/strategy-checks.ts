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
  problems.push(...headProblems(config, place));
  problems.push(...gradualProblems(config, place));
  if (frozenInTheMiddle(model)) {
    const { blocks } = backboneFacts[model.backbone];
    const frozen = blocks - model.lastN;
    const last = Math.max(1, Math.round(blocks / 10));
    const message = `${frozen} of ${blocks} blocks stay frozen and the rest learns: a frozen cut in the middle third parts layers that learnt to work together, and costs accuracy that fine-tuning the whole would win back (Yosinski et al. 1411.1792); write lastN: ${last}, or strategy: full with a small backboneRate`;
    warnings.push({ level: 'warning', code: 'FROZEN_MIDDLE', message });
  }
  return { problems, warnings };
}

/** What stands before and behind the trunk. */
function headProblems({ model, image }: PipelineConfig, place: (path: Path) => string): GraftError[] {
  const problems: GraftError[] = [];
  if (model.head.length > 0 && isLinear(model.strategy)) {
    problems.push(
      problem('CONFIG_VALUE', {
        where: place(['model', 'head']),
        seen: `${model.head.length} of them with strategy ${model.strategy}`,
        expected: 'none: a linear classifier has one layer',
        remedy: 'leave them out, or choose strategy: head',
      }),
    );
  }
  if (model.firstKernels === 'average' && image.color !== 'gray') {
    problems.push(
      problem('CONFIG_VALUE', {
        where: place(['model', 'firstKernels']),
        seen: 'average with colour pictures',
        expected: 'image.color: gray',
        remedy: 'leave it out, or write color: gray',
      }),
    );
  }
  return problems;
}

/** Gradual has a schedule of its own, and epochs for both of its parts. */
function gradualProblems({ model, train, task }: PipelineConfig, place: (path: Path) => string): GraftError[] {
  const problems: GraftError[] = [];
  if (model.strategy === 'gradual') {
    if (train.schedule.kind !== 'constant') {
      problems.push(
        problem('CONFIG_VALUE', {
          where: place(['train', 'schedule']),
          seen: `${train.schedule.kind} with strategy gradual`,
          expected: 'none: gradual has a one-cycle for each of its two parts',
          remedy: 'leave it out, and set train.gradual where needed',
        }),
      );
    }
    if (train.gradual.frozenEpochs >= train.epochs) {
      problems.push(
        problem('CONFIG_VALUE', {
          where: place(['train', 'gradual', 'frozenEpochs']),
          seen: String(train.gradual.frozenEpochs),
          expected: `below train.epochs, which is ${train.epochs}`,
          remedy: 'raise train.epochs, or write strategy: head',
        }),
      );
    }
  }
  if (model.strategy === 'gradual' && task !== 'classification') {
    problems.push(
      problem('CONFIG_VALUE', {
        where: place(['model', 'strategy']),
        seen: `gradual with task ${task}`,
        expected: 'full, last-n, head or scratch for a detector',
        remedy: 'write strategy: full with a small train.backboneRate',
      }),
    );
  }
  return problems;
}
