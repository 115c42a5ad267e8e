import type { Backend } from './backend.ts';
import type { RunIndex } from './read/run-index.ts';
import type { TrainingSheet } from './read/training-pictures.ts';

/** What the routes share. */
export interface Context {
  readonly backend: Backend;
  readonly index: RunIndex;
  readonly sheet: TrainingSheet;
  readonly nowMs: () => number;
}
