import type { MlEvent, MlJob, ScoreBatch } from '../../contracts/ml-protocol.ts';

/** A running ML child process. */
export interface MlSession {
  readonly pid: number;
  /** What the child says, in order; ends when the child is gone. Throws ML_CRASHED (transient) on an unasked-for death. */
  readonly events: AsyncIterable<MlEvent>;
  /** Hands a served model its next batch; lost where the child is gone, which `events` tells of. */
  score(batch: ScoreBatch): void;
  /** Asks for a checkpoint and an orderly exit; SIGKILL after `deadlineMs`. Resolves when the child is gone. */
  stop(deadlineMs: number): Promise<void>;
  /** SIGKILL now. */
  kill(): Promise<void>;
}

/** Starts ML jobs in child processes without storage credentials; the child exits when its parent is gone. */
export interface MlRunner {
  start(job: MlJob, options: { threads: number }): MlSession;
  /** How many threads TensorFlow gets where the configuration names none. */
  readonly defaultThreads: number;
}
