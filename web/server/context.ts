import type { Backend } from './backend.ts';
import type { RunIndex } from './read/run-index.ts';

/** What the routes share. */
export interface Context {
  readonly backend: Backend;
  readonly index: RunIndex;
  readonly nowMs: () => number;
}
