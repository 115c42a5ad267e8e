import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TrainCounters } from '../../contracts/run.ts';
import type { TensorData } from '../../core/checkpoint/tensor-data.ts';
import { asFloat32 } from '../../core/checkpoint/tensor-data.ts';
import { histogramOf } from '../../core/summaries/histogram.ts';
import { runFiles } from '../../core/training/run-files.ts';
import { continueLog } from './run-log.ts';

/** At most this many epochs have histograms, however long the run: every n-th, and the last. */
const MAX_EPOCHS = 50;

/** `histograms.jsonl` of a run: how the weights that learn were spread after an epoch. Continued as the metrics are. */
export interface HistogramLog {
  /** Whether this epoch, counted from 1, is one of those that are kept. */
  wants(epoch: number): boolean;
  write(at: { readonly epoch: number; readonly step: number }, weights: ReadonlyMap<string, TensorData>): void;
}

export function openHistogramLog(
  workDir: string,
  epochs: number,
  counters: TrainCounters,
  nowMs: () => number,
): HistogramLog {
  const path = join(workDir, runFiles.histograms);
  continueLog(path, counters);
  const stride = Math.ceil(epochs / MAX_EPOCHS);
  return {
    wants: (epoch) => epoch % stride === 0 || epoch === epochs,
    write({ epoch, step }, weights) {
      const histograms = Object.fromEntries([...weights].map(([name, data]) => [name, histogramOf(asFloat32(data))]));
      appendFileSync(path, `${JSON.stringify({ kind: 'histograms', epoch, step, histograms, timeMs: nowMs() })}\n`);
    },
  };
}
