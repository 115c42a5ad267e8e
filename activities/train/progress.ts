import type { EpochMetrics } from '../../contracts/manifests.ts';
import type { MlEvent } from '../../contracts/ml-protocol.ts';
import type { TrainingProgress } from '../../contracts/run.ts';
import type { Sha256 } from '../../core/ids.ts';

/** Turns what the child says into what people see. */
export class ProgressView {
  private progress: TrainingProgress;

  constructor(attempt: number, totalEpochs: number, start: { step: number; epoch: number; last: EpochMetrics | null }) {
    this.progress = {
      phase: 'starting',
      attempt,
      step: start.step,
      totalSteps: 0,
      epoch: start.epoch,
      totalEpochs,
      loss: null,
      imagesPerSecond: null,
      etaSeconds: null,
      featuresDone: null,
      lastEpoch: start.last,
      checkpoint: null,
      residentMb: null,
    };
  }

  get current(): TrainingProgress {
    return this.progress;
  }

  checkpointIs(key: string, sha256: Sha256, step: number): void {
    this.progress = { ...this.progress, checkpoint: { key, sha256, step } };
  }

  /** `batchSize` turns images a second into an estimate of the time that is left. */
  take(event: MlEvent, batchSize: number): void {
    if (event.kind === 'features') {
      this.progress = { ...this.progress, phase: 'features', featuresDone: event.done / event.total };
    } else if (event.kind === 'epoch') {
      this.progress = { ...this.progress, lastEpoch: event.metrics };
    } else if (event.kind === 'trained') {
      // Steps are told of twice a second: the last ones by this alone.
      const { steps, epochs } = event.result;
      this.progress = { ...this.progress, phase: 'finishing', step: steps, epoch: epochs, etaSeconds: 0 };
    } else if (event.kind === 'step') {
      const { step, totalSteps, epoch, loss, imagesPerSecond, residentMb } = event;
      this.progress = {
        ...this.progress,
        phase: 'training',
        step,
        totalSteps,
        epoch,
        residentMb,
        imagesPerSecond,
        featuresDone: null,
        loss,
        etaSeconds: ((totalSteps - step) * batchSize) / Math.max(imagesPerSecond, 1e-9),
      };
    }
  }
}
