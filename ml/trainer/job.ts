import type { MlEvent, ScoreBatch } from '../../contracts/ml-protocol.ts';

/** What a job in the child process may use: a way to speak, and whether it was asked to stop. */
export interface JobHost {
  emit(event: MlEvent): void;
  /** True once the worker has asked for an orderly end. */
  stopRequested(): boolean;
  nowMs(): number;
  residentBytes(): number;
  /** What a served model is to score; ends when the worker asks for an orderly end. */
  readonly batches?: AsyncIterable<ScoreBatch>;
  /** Where the time of a training goes, in ms: for benchmarks. */
  onSpent?(part: 'input' | 'step' | 'checkpoint' | 'validation', ms: number): void;
}

/** Lets messages in and finished writes through between two steps: native TensorFlow holds the thread during a step. */
export const breathe = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Thrown to unwind a job that was asked to stop before it had anything to save. */
export class StopRequested extends Error {}
