import { join } from 'node:path';
import type { TrainJob } from '../../contracts/ml-protocol.ts';
import type { TrainCounters } from '../../contracts/run.ts';
import { lossIsBounded, saveIsDue } from '../../core/checkpoint/policy.ts';
import { runFiles } from '../../core/training/run-files.ts';
import type { Snapshot } from './checkpoint-file.ts';
import { threadedWriter } from './checkpoint-writer.ts';
import type { JobHost } from './job.ts';

export interface CheckpointsParts {
  readonly job: TrainJob;
  readonly host: JobHost;
  /** A copy of the learner's whole state, as of now. */
  state(): Snapshot['state'];
  /** The best epoch's values that a checkpoint held; null at the start. */
  readonly best: Snapshot['best'];
  /** The step that the training begins with, which needs no checkpoint. */
  readonly step: number;
}

/** The checkpoints of a training: copied out at the end of a step, hashed and written beside the next ones. */
export class Checkpoints {
  /** The best epoch's values. Lent to the writer until `written`. */
  best: Snapshot['best'];
  private readonly parts: CheckpointsParts;
  private readonly writer = threadedWriter();
  /** The one that is being written, if any. */
  private writing: Promise<void> | null = null;
  private writeError: { readonly error: unknown } | null = null;
  /** The step of the newest one that is whole on the disk. */
  private durableStep: number;
  private saved: { readonly step: number; readonly ms: number };
  /** The epoch at whose end this process saved last. */
  private savedEpoch = -1;

  constructor(parts: CheckpointsParts) {
    this.parts = parts;
    this.best = parts.best;
    this.durableStep = parts.step;
    this.saved = { step: parts.step, ms: parts.host.nowMs() };
  }

  close(): Promise<void> {
    return this.writer.close();
  }

  /** Throws what went wrong beside the steps. */
  check(): void {
    if (this.writeError) throw this.writeError.error;
  }

  /** Whether a crash at `step` would cost no more than was allowed. */
  lossIsBounded(step: number): boolean {
    return this.writing === null || lossIsBounded(this.parts.job.config.checkpoint, step, this.durableStep);
  }

  isDue(step: number): boolean {
    return saveIsDue(this.parts.job.config.checkpoint, { step, ms: this.parts.host.nowMs() }, this.saved);
  }

  /** Whether the end of this epoch is saved already. */
  hasEndOf(epoch: number): boolean {
    return this.savedEpoch === epoch;
  }

  /** Copies the state out; one at a time: memory holds one copy. */
  async save(counters: TrainCounters, isBest: boolean): Promise<void> {
    const { job, host } = this.parts;
    await this.written();
    const snapshot = { state: this.parts.state(), best: this.best, counters, isBest };
    this.saved = { step: counters.step, ms: host.nowMs() };
    this.savedEpoch = counters.cursor === 0 ? counters.epoch : -1;
    this.writing = this.writer
      .stage(join(job.workDir, runFiles.checkpoints), snapshot)
      .then(({ staged, best }) => {
        if (this.best === snapshot.best) this.best = best;
        this.durableStep = staged.counters.step;
        host.emit({ kind: 'checkpoint', staged });
      })
      .catch((error: unknown) => {
        this.writeError = { error };
      });
  }

  /** Until nothing is being written. */
  async written(): Promise<void> {
    await this.writing;
    this.writing = null;
    this.check();
  }
}
