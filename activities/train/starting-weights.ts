import type { TrainInput } from '../../contracts/stages.ts';
import { failedError } from '../../core/errors.ts';
import type { Sha256 } from '../../core/ids.ts';
import { CHAMPION, networkProblem } from '../../core/training/warm-start.ts';
import { currentActivity } from '../lib/activity-context.ts';
import type { TrainPorts } from '../ports.ts';

/** A local file of what a training begins with; null for a random start. WARM_START_NETWORK (input) where it does not fit. */
export async function startingWeights(
  ports: Pick<TrainPorts, 'files' | 'fetchWeights'>,
  { config: { model }, start }: TrainInput,
): Promise<{ path: string; sha256: Sha256 | string } | null> {
  if (start !== undefined) {
    const wrong = networkProblem(start, model);
    if (wrong) throw wrong;
    return { path: await ports.files.fetch(start.weights, currentActivity().signal), sha256: start.weights.sha256 };
  }
  if (model.weights === CHAMPION) {
    throw failedError('WARM_START_NONE', 'model.weights', 'champion, and nobody said which version', 'a run’s plan');
  }
  return model.strategy === 'scratch' ? null : ports.fetchWeights(model.backbone, model.weights);
}
