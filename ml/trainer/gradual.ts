import type { TrainJob } from '../../contracts/ml-protocol.ts';
import type { GradualSettings } from '../../core/training/gradual.ts';
import { gradualShare } from '../../core/training/gradual.ts';
import type { LearnerOptions } from './learner.ts';
import { buildModel } from './model.ts';

/** What strategy gradual adds to a learner: the model whose trunk is frozen, and each parameter's share of the rate. */
export function gradualLearning(
  description: TrainJob['model'],
  settings: GradualSettings,
): Pick<LearnerOptions, 'frozen' | 'rateShares'> {
  const frozen = buildModel({ ...description, strategy: 'head' }, 1);
  const { blocks } = frozen.backbone;
  const shares = blocks.flatMap(({ params }, index) =>
    params.map(({ name }) => [name, gradualShare(settings, index, blocks.length)] as const),
  );
  return { frozen, rateShares: new Map(shares) };
}
