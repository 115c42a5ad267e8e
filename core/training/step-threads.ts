import { blockCosts } from '../backbone-costs.ts';
import type { LearningShape } from './frozen-prefix.ts';

/**
 * Multiply-adds of a forward pass below which a second thread costs more than it brings: a head of 100 classes on 32 codes
 * of 1,280 took .97 ms a step with one thread as with two, one of 10 classes .52 against .64, and one thread takes half
 * the processor time of two.
 */
const ALONE_AT_MOST = 4 * 2 ** 20;

/** How many of `threads` a training's step has use for; `onCodes` where the frozen part does not run in it. */
export function stepThreads(
  model: LearningShape,
  step: { readonly onCodes: boolean; readonly batchSize: number; readonly classes: number },
  threads: number,
): number {
  if (model.strategy !== 'head' || !step.onCodes) return threads;
  const channels = blockCosts(model.backbone).at(-1)?.channels ?? Number.POSITIVE_INFINITY;
  return step.batchSize * channels * step.classes <= ALONE_AT_MOST ? 1 : threads;
}

/** More threads than that have not been measured: they are left within operations. */
const MEASURED_THREADS = 4;

/** In how many equal parts a batch goes through a step, each along one thread; 1 where it does not divide among them. */
export function batchParts(batchSize: number, threads: number): number {
  return threads <= MEASURED_THREADS && batchSize % threads === 0 ? threads : 1;
}
