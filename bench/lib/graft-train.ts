import { join } from 'node:path';
import type { TrainJob } from '../../contracts/ml-protocol.ts';
import { behindPrefix, startJob } from './graft-child.ts';
import type { Kernels } from './graft-child.ts';
import { weightedMedian } from './statistics.ts';
import { BATCH_SIZE } from './timing.ts';
import type { Measured, Timing } from './timing.ts';

/** Over how many epochs the one pass through a frozen part is spread. */
export const FROZEN_EPOCHS = 10;
/** Words about the pass through a frozen part that count as its warm-up: the first one has compiling in it. */
const WARM_UP_PASSES = 2;

/**
 * Images a second of a training in graft's child process, by what it says of itself: the median of its reports after the
 * warm-up, each as often as it has steps. A report is the mean of half a second or of one step, whichever is longer, and
 * has everything in it: input, step, log. Behind a frozen part it is the rate over ten epochs with the one pass.
 */
export async function measureGraft(job: TrainJob, timing: Timing, kernels: Kernels = 'own'): Promise<Measured> {
  const { job: ready, passes } = await behindPrefix(job, join(job.workDir, 'features'));
  const child = startJob(ready, kernels);
  const reports: { value: number; weight: number }[] = [];
  let before = 0;
  let timedFromMs: number | null = null;
  let steps = 0;
  for await (const { event, atMs } of child.events) {
    if (event.kind !== 'step') continue;
    if (before < timing.warmUpSteps) {
      timedFromMs = atMs;
    } else {
      reports.push({ value: event.imagesPerSecond, weight: event.step - before });
      steps += event.step - before;
    }
    before = event.step;
    if (steps >= timing.minSteps && atMs - (timedFromMs ?? atMs) >= timing.seconds * 1000) break;
  }
  await child.session.kill();
  const rate = weightedMedian(reports);
  if (rate === null) throw new Error(`the training ended after ${before} steps, within its warm-up`);
  const measured = { imagesPerSecond: rate, peakMb: child.peakMb(), steps };
  const pass = passRate(passes);
  if (pass === null) return measured;
  const overEpochs = FROZEN_EPOCHS / (1 / pass + FROZEN_EPOCHS / rate);
  return { ...measured, imagesPerSecond: overEpochs, passImagesPerSecond: pass, stepImagesPerSecond: rate };
}

/** Images a second through the frozen part; null where there is none. */
function passRate(passes: readonly { readonly done: number; readonly atMs: number }[]): number | null {
  const first = passes[WARM_UP_PASSES - 1];
  const last = passes.at(-1);
  if (first === undefined || last === undefined || last.done <= first.done) return null;
  return ((last.done - first.done) * 1000) / (last.atMs - first.atMs);
}

/** The `train` part of graft.yaml for a training that is only timed: Adam, no checkpoint, no end. */
export const timedTraining = {
  epochs: 1_000_000,
  batchSize: BATCH_SIZE,
  optimizer: { kind: 'adam' },
  checkpoint: { everySteps: 1_000_000_000, everySeconds: null, keepBest: false },
} as const;
