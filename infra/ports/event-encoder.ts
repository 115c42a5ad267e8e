import type { SummaryEvent } from '../../core/summaries/summary.ts';

/** Writes what a run has to show in the form that TensorBoard reads. */
export interface EventEncoder {
  /** A whole event file. The same events give the same bytes: a file that is written again is not another one. */
  encode(events: readonly SummaryEvent[], startedMs: number): Promise<Uint8Array>;
}
