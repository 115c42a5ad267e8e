import { closeSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { TrainJob } from '../../contracts/ml-protocol.ts';
import type { EpochMetrics } from '../../contracts/manifests.ts';
import type { TrainCounters } from '../../contracts/run.ts';
import { failedError, GraftError } from '../../core/errors.ts';
import { permutation } from '../../core/rng.ts';
import { runFiles } from '../../core/training/run-files.ts';
import { afterBatch, afterEpoch, afterRollback } from '../../core/training/progress.ts';
import { gradualAt } from '../../core/training/gradual.ts';
import { learningRateAt, momentumAt } from '../../core/training/schedule.ts';
import { budgetWatch } from './guards.ts';
import type { BudgetWatch } from './guards.ts';
import type { Snapshot } from './checkpoint-file.ts';
import { Checkpoints } from './checkpoints.ts';
import type { Inputs, PendingBatch } from './inputs.ts';
import { BatchBuffers } from './batch-buffers.ts';
import { breathe } from './job.ts';
import type { JobHost } from './job.ts';
import type { StepLearner } from './learner.ts';
import { openHistogramLog } from './histogram-log.ts';
import type { HistogramLog } from './histogram-log.ts';
import { openMetricsLog } from './metrics-log.ts';
import type { MetricsLog } from './metrics-log.ts';
import type { ValidationFigures } from './validate.ts';

/** Steps are reported at most this often. */
const REPORT_EVERY_MS = 500;

export interface LoopParts<B> {
  readonly job: TrainJob;
  readonly learner: StepLearner<B>;
  /** The best epoch's values that a checkpoint held; null at the start. */
  readonly best: Snapshot['best'];
  readonly inputs: Pick<Inputs<B>, 'train'>;
  readonly host: JobHost;
  /** Puts the learner back to these values, or to the start where there are none, with fresh optimizer slots. */
  restart(from: Snapshot['best']): void;
  /** What the validation side says after this epoch, counted from 1; `counters` are from before its end. */
  validate(epoch: number, counters: TrainCounters): Promise<ValidationFigures>;
}

export type LoopEnd =
  | { readonly kind: 'finished'; readonly counters: TrainCounters; readonly best: Snapshot['best'] }
  | { readonly kind: 'stopped'; readonly counters: TrainCounters; readonly reason: 'requested' | 'memory' };

/** Epochs until the end, the early stop or the stop that was asked for. `start` may lie anywhere within an epoch. */
export async function trainLoop<B>(parts: LoopParts<B>, start: TrainCounters): Promise<LoopEnd> {
  const loop = new TrainingLoop(parts, start);
  try {
    return await loop.run();
  } finally {
    await loop.close();
  }
}

class TrainingLoop<B> {
  private readonly parts: LoopParts<B>;
  private readonly buffers: BatchBuffers;
  private readonly log: MetricsLog;
  private readonly histograms: HistogramLog;
  private readonly totalSteps: number;
  private readonly perEpoch: number;
  /** Steps that the schedule spans: all of them, unless the training was extended. */
  private readonly scheduleSteps: number;
  private readonly reachedFile: number;
  private readonly watch: BudgetWatch;
  private readonly checkpoints: Checkpoints;
  private counters: TrainCounters;
  private reported = { ms: 0, images: 0 };
  private images = 0;
  private lossSum = 0;

  constructor(parts: LoopParts<B>, start: TrainCounters) {
    const { job, inputs, host, learner, best } = parts;
    const { epochs, batchSize, scheduleEpochs } = job.config;
    this.parts = parts;
    this.counters = start;
    this.watch = budgetWatch(job.config.budget, host);
    this.checkpoints = new Checkpoints({ job, host, state: () => learner.state(), best, step: start.step });
    this.buffers = new BatchBuffers(inputs.train.rowBytes, Math.min(batchSize, inputs.train.rows));
    this.perEpoch = Math.ceil(inputs.train.rows / batchSize);
    this.totalSteps = epochs * this.perEpoch;
    this.scheduleSteps = (scheduleEpochs ?? epochs) * this.perEpoch;
    this.log = openMetricsLog(job.workDir, this.totalSteps, start, () => host.nowMs());
    this.histograms = openHistogramLog(job.workDir, epochs, start, () => host.nowMs());
    this.reachedFile = openSync(join(job.workDir, runFiles.reachedStep), 'w');
    this.reported.ms = host.nowMs();
    this.noteReached();
  }

  async close(): Promise<void> {
    closeSync(this.reachedFile);
    await this.checkpoints.close();
  }

  async run(): Promise<LoopEnd> {
    const { job } = this.parts;
    const { epochs } = job.config;
    const until = Math.min(epochs, job.untilEpoch ?? epochs);
    while (this.counters.epoch < until && !this.counters.stopped) {
      const stop = await this.guarded(async () => (await this.epoch()) ?? (await this.endOfEpoch()));
      if (stop) return { kind: 'stopped', counters: this.counters, reason: stop };
    }
    // A part of a training ends with a checkpoint to go on from, written by this process or not.
    const isPause = until < epochs && !this.counters.stopped;
    if (isPause && !this.checkpoints.hasEndOf(this.counters.epoch)) await this.save(false);
    await this.checkpoints.written();
    return { kind: 'finished', counters: this.counters, best: this.checkpoints.best };
  }

  /** The rest of the running epoch; the reason where it was left before its end. */
  private async epoch(): Promise<'requested' | 'memory' | null> {
    const { job, inputs } = this.parts;
    const { rows } = inputs.train;
    const { batchSize, seed } = job.config;
    const { epoch } = this.counters;
    const order = permutation(rows, seed, 'shuffle', epoch);
    const fetchFrom = (cursor: number): PendingBatch | null => {
      if (cursor >= rows) return null;
      const indexes: number[] = [];
      for (let i = cursor; i < Math.min(cursor + batchSize, rows); i++) indexes.push(order(i));
      return inputs.train.prefetch(indexes, epoch, this.buffers.next(indexes.length));
    };
    let pending = fetchFrom(this.counters.cursor);
    try {
      while (pending) {
        const batch = pending;
        const ready = await this.timed('input', () => inputs.train.batch(batch, epoch));
        pending = fetchFrom(this.counters.cursor + batch.indexes.length);
        if (!this.checkpoints.lossIsBounded(this.counters.step)) {
          await this.timed('checkpoint', () => this.checkpoints.written());
        }
        await this.timed('step', () => {
          this.oneStep(ready, batch.indexes);
        });
        await breathe();
        // The last step of an epoch is saved after its validation, or the same step would be saved twice.
        if (!pending || this.counters.stopped) break;
        const stop = await this.saveOrStop(false);
        if (stop) return stop;
      }
      return null;
    } finally {
      // Nobody wants it any more, but it is still being read into memory that is used again.
      await pending?.bytes.catch(() => undefined);
    }
  }

  private oneStep(batch: B, indexes: readonly number[]): void {
    this.checkpoints.check();
    const { job, learner } = this.parts;
    const { epoch, step } = this.counters;
    const { learningRate, momentum, frozen } = this.rates(step);
    try {
      const outcome = learner.step(batch, { epoch, step, learningRate, momentum, frozen });
      this.counters = this.watch.spent(
        afterBatch(this.counters, { ...outcome, size: indexes.length }, job.config.stopWhen),
      );
      this.images += indexes.length;
      this.lossSum += outcome.loss * indexes.length;
      this.noteReached();
      this.log.step({
        step: this.counters.step,
        epoch: epoch + 1,
        loss: outcome.loss,
        learningRate,
        losses: outcome.losses,
      });
      this.report();
    } catch (error) {
      throw error instanceof GraftError && error.code === 'TRAIN_NONFINITE' ? withItems(error, indexes) : error;
    }
  }

  /**
   * Goes back to the best epoch's values where the loss is no number, if that was asked for: at the same step, so that it
   * does not hang on when checkpoints were written, and a resume comes to the same bits.
   */
  private async guarded<T>(work: () => Promise<T>): Promise<T | null> {
    try {
      return await work();
    } catch (error) {
      const { onNonFinite } = this.parts.job.config;
      if (!(error instanceof GraftError) || error.code !== 'TRAIN_NONFINITE') throw error;
      if (onNonFinite.kind === 'fail' || this.counters.rollbacks >= onNonFinite.atMost) throw error;
      await this.checkpoints.written();
      this.parts.restart(this.checkpoints.best);
      this.counters = afterRollback(this.counters, onNonFinite.factor);
      return null;
    }
  }

  /** Saves where it is due or wanted; the reason where the loop must end here. */
  private async saveOrStop(isBest: boolean): Promise<'requested' | 'memory' | null> {
    const { job, host } = this.parts;
    const requested = host.stopRequested();
    if (!requested && !isBest && !this.checkpoints.isDue(this.counters.step)) return null;
    await this.timed('checkpoint', () => this.save(isBest));
    const limitMb = job.config.memoryLimitMb;
    const isFull = limitMb !== null && host.residentBytes() > limitMb * 1024 * 1024;
    if (requested || isFull) await this.timed('checkpoint', () => this.checkpoints.written());
    if (requested) return 'requested';
    return isFull ? 'memory' : null;
  }

  private async save(isBest: boolean): Promise<void> {
    await this.checkpoints.save(this.counters, isBest);
    await breathe();
  }

  private async endOfEpoch(): Promise<'requested' | 'memory' | null> {
    const { job, learner, host } = this.parts;
    const { seen, lossSum, correct, epoch, step } = this.counters;
    const { schedule, bestMetric, earlyStop, stopWhen, checkpoint } = job.config;
    const validation = await this.timed('validation', () => this.parts.validate(epoch + 1, this.counters));
    if (!Number.isFinite(validation.loss)) throw nonFiniteValidation(validation.loss, epoch + 1, step);
    const metrics: EpochMetrics = {
      epoch: epoch + 1,
      step,
      learningRate: this.rates(Math.max(0, step - 1)).learningRate,
      trainLoss: lossSum / seen,
      trainAccuracy: correct / seen,
      validationLoss: validation.loss,
      validationAccuracy: validation.accuracy,
      ...(validation.detection ? { detection: validation.detection } : {}),
    };
    const next = afterEpoch(this.counters, metrics, { bestMetric, earlyStop, schedule, stopWhen });
    this.counters = this.watch.spent(next.counters);
    const wanted = this.histograms.wants(epoch + 1);
    const weights = next.improved || wanted ? learner.weights() : null;
    if (next.improved) this.checkpoints.best = weights;
    if (wanted && weights) this.histograms.write(metrics, weights);
    this.log.epoch(metrics);
    host.emit({ kind: 'epoch', metrics });
    return this.saveOrStop((next.improved && checkpoint.keepBest) || this.counters.stopReason === 'budget');
  }

  private async timed<T>(part: Parameters<NonNullable<JobHost['onSpent']>>[0], work: () => T | Promise<T>): Promise<T> {
    const startedMs = performance.now();
    const result = await work();
    this.parts.host.onSpent?.(part, performance.now() - startedMs);
    return result;
  }

  private rates(step: number): { learningRate: number; momentum: number | null; frozen: boolean } {
    const { model, config } = this.parts.job;
    const { plateau, rateFactor } = this.counters;
    const { learningRate: base } = config.optimizer;
    const factor = plateau.factor * rateFactor;
    if (model.strategy === 'gradual') {
      const span = { perEpoch: this.perEpoch, epochs: this.scheduleSteps / this.perEpoch };
      const at = gradualAt(config.gradual, base, step, span);
      return { ...at, learningRate: at.learningRate * factor };
    }
    return {
      learningRate: learningRateAt(config.schedule, base, step, this.scheduleSteps) * factor,
      momentum: momentumAt(config.schedule, step, this.scheduleSteps),
      frozen: false,
    };
  }

  private noteReached(): void {
    writeSync(this.reachedFile, String(this.counters.step).padStart(12), 0);
  }

  private report(): void {
    const { host, learner } = this.parts;
    const now = host.nowMs();
    const { step, epoch } = this.counters;
    const elapsedMs = now - this.reported.ms;
    if (elapsedMs < REPORT_EVERY_MS && step !== this.totalSteps) return;
    const images = this.images - this.reported.images;
    host.emit({
      kind: 'step',
      step,
      totalSteps: this.totalSteps,
      epoch: epoch + 1,
      // The mean since the last report: one batch alone jumps too much to be read.
      loss: this.lossSum / Math.max(1, images),
      imagesPerSecond: (images * 1000) / Math.max(1, elapsedMs),
      residentMb: host.residentBytes() / 1024 / 1024,
      tensors: learner.engine.tensorCount(),
    });
    this.reported = { ms: now, images: this.images };
    this.lossSum = 0;
  }
}

/** Weights that the epoch's last update broke: no step comes that would tell. */
function nonFiniteValidation(loss: number, epoch: number, step: number): Error {
  return failedError(
    'TRAIN_NONFINITE',
    `validation of epoch ${epoch}, after step ${step}`,
    `the loss is ${loss}`,
    'a finite loss',
    'lower train.optimizer.learningRate or set train.clipNorm',
  );
}

/** Names the rows of the batch, so that a broken picture or label can be looked at. */
function withItems(error: GraftError, indexes: readonly number[]): GraftError {
  const where = `${error.parts.where}, training rows ${indexes.slice(0, 16).join(', ')}${indexes.length > 16 ? ' …' : ''}`;
  return new GraftError(error.code, { ...error.parts, where }, { cause: error });
}
