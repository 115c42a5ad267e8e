import { join } from 'node:path';
import type { MlEvent, StagedCheckpoint, TrainJob, TrainResult } from '../../contracts/ml-protocol.ts';
import type { TrainEnvironment } from '../../contracts/manifests.ts';
import type { TrainingProgress } from '../../contracts/run.ts';
import { runFiles } from '../../core/training/run-files.ts';
import type { MlSession } from '../../infra/ports/ml-runner.ts';
import { failureOf } from '../lib/ml-failure.ts';
import type { TrainPorts } from '../ports.ts';
import { commitCheckpoint, pruneCheckpoints, pruneStaged } from './checkpoints.ts';
import type { CheckpointIdentity } from './checkpoints.ts';
import { uploadCurves } from './curves.ts';
import { ProgressView } from './progress.ts';

/** How long a trainer may take to write its last checkpoint when it is asked to stop; then SIGKILL. */
const STOP_DEADLINE_MS = 60_000;
const METRICS_EVERY_MS = 15_000;

export interface TrainingRun {
  readonly ports: TrainPorts;
  readonly identity: CheckpointIdentity;
  readonly attempt: number;
  readonly threads: number;
  readonly job: TrainJob;
  readonly signal: AbortSignal;
  onProgress(progress: TrainingProgress): void;
}

export type TrainingEnd =
  | {
      readonly kind: 'trained';
      readonly result: TrainResult;
      readonly environment: TrainEnvironment;
      /** The last checkpoint that was written, on the local disk. */
      readonly latest: StagedCheckpoint | null;
    }
  | { readonly kind: 'stopped' };

/** Runs the trainer until it is done or stopped; starts it anew where its memory grew beyond the limit. */
export async function superviseTraining(run: TrainingRun): Promise<TrainingEnd> {
  let job = run.job;
  for (;;) {
    const session = new TrainingSession({ ...run, job });
    const end = await session.supervise();
    if (end.kind !== 'recycle') return end;
    const { path, sha256, counters } = end.from;
    job = { ...job, resume: { path, sha256, counters } };
  }
}

class TrainingSession {
  private readonly run: TrainingRun;
  private readonly session: MlSession;
  private readonly view: ProgressView;
  private environment: TrainEnvironment | null = null;
  private latest: StagedCheckpoint | null = null;
  /** The newest staged checkpoint that waits for the upload before it: at most one, newer ones take its place. */
  private waiting: StagedCheckpoint | null = null;
  private upload: Promise<void> | null = null;
  private uploadError: unknown = null;
  private metricsMs: number;

  constructor(run: TrainingRun) {
    this.run = run;
    const counters = run.job.resume?.counters;
    this.view = new ProgressView(run.attempt, run.job.config.epochs, {
      step: counters?.step ?? 0,
      epoch: counters?.epoch ?? 0,
      last: counters?.last ?? null,
    });
    this.metricsMs = run.ports.clock.nowMs();
    this.session = run.ports.ml.start(run.job, { threads: run.threads });
  }

  async supervise(): Promise<TrainingEnd | { readonly kind: 'recycle'; readonly from: StagedCheckpoint }> {
    const onAbort = (): void => void this.session.stop(STOP_DEADLINE_MS);
    this.run.signal.addEventListener('abort', onAbort, { once: true });
    if (this.run.signal.aborted) onAbort();
    try {
      const last = await this.follow();
      await this.finishUploads();
      await this.uploadMetrics();
      if (last.kind === 'trained' && this.environment) {
        return { kind: 'trained', result: last.result, environment: this.environment, latest: this.latest };
      }
      if (last.kind === 'stopped' && last.reason === 'memory' && this.latest)
        return { kind: 'recycle', from: this.latest };
      return { kind: 'stopped' };
    } catch (error) {
      await this.session.kill();
      await this.upload?.catch(() => undefined);
      throw error;
    } finally {
      this.run.signal.removeEventListener('abort', onAbort);
    }
  }

  /** Reads events to the end; the last telling one is the answer. */
  private async follow(): Promise<Extract<MlEvent, { kind: 'trained' | 'stopped' }>> {
    let last: Extract<MlEvent, { kind: 'trained' | 'stopped' }> = { kind: 'stopped', step: 0, reason: 'requested' };
    for await (const event of this.session.events) {
      if (this.uploadError) throw this.uploadError;
      this.view.take(event, this.run.job.config.batchSize);
      this.run.onProgress(this.view.current);
      if (event.kind === 'ready') this.environment = event.environment;
      if (event.kind === 'checkpoint') this.staged(event.staged);
      if (event.kind === 'trained' || event.kind === 'stopped') last = event;
      if (event.kind === 'failed') throw failureOf(event);
      await this.uploadMetricsWhenDue();
    }
    return last;
  }

  private staged(checkpoint: StagedCheckpoint): void {
    this.latest = checkpoint;
    this.waiting = checkpoint;
    this.upload ??= this.drain().finally(() => {
      this.upload = null;
    });
  }

  /** Uploads beside the next steps: the trainer never waits for the network. */
  private async drain(): Promise<void> {
    const { ports, identity, attempt, job } = this.run;
    try {
      while (this.waiting) {
        const staged = this.waiting;
        this.waiting = null;
        // Not cancelled with the activity: the last checkpoint of a stopped run is what it stops for.
        const key = await commitCheckpoint(ports, identity, attempt, staged, new AbortController().signal);
        this.view.checkpointIs(key, staged.sha256, staged.counters.step);
        this.run.onProgress(this.view.current);
        await pruneStaged(join(job.workDir, runFiles.checkpoints), staged.path);
        await pruneCheckpoints(ports.store, identity, job.config.checkpoint);
      }
    } catch (error) {
      this.uploadError = error;
    }
  }

  private async finishUploads(): Promise<void> {
    await this.upload;
    if (this.uploadError) throw this.uploadError;
  }

  private async uploadMetricsWhenDue(): Promise<void> {
    const now = this.run.ports.clock.nowMs();
    if (now - this.metricsMs < METRICS_EVERY_MS) return;
    this.metricsMs = now;
    await this.uploadMetrics();
  }

  private async uploadMetrics(): Promise<void> {
    const { ports, identity, job } = this.run;
    await uploadCurves(ports, identity.runId, job.workDir);
  }
}
