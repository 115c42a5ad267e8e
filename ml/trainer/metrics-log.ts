import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import type { EpochMetrics } from '../../contracts/manifests.ts';
import type { TrainCounters } from '../../contracts/run.ts';
import { runFiles } from '../../core/training/run-files.ts';
import { continueLog } from './run-log.ts';

/** At most this many step lines, however long the run: every n-th step is written. */
const MAX_STEP_LINES = 20_000;

type Line =
  | {
      kind: 'step';
      step: number;
      epoch: number;
      loss: number;
      learningRate: number;
      losses?: Readonly<Record<string, number>> | undefined;
    }
  | ({ kind: 'epoch' } & EpochMetrics);

/** `metrics.jsonl` of a run: a line a step (thinned) and a line an epoch. A resume continues it without gap or double. */
export interface MetricsLog {
  step(line: Omit<Extract<Line, { kind: 'step' }>, 'kind'>): void;
  epoch(metrics: EpochMetrics): void;
}

/** Opens the log where `counters` left it. Every line says when it was written: `timeMs`, since 1970. */
export function openMetricsLog(
  workDir: string,
  totalSteps: number,
  counters: TrainCounters,
  nowMs: () => number,
): MetricsLog {
  const path = join(workDir, runFiles.metrics);
  continueLog(path, counters);
  const stride = Math.max(1, Math.ceil(totalSteps / MAX_STEP_LINES));
  const write = (line: Line): void => {
    appendFileSync(path, `${JSON.stringify({ ...line, timeMs: nowMs() })}\n`);
  };
  return {
    step(line) {
      if (line.step % stride === 0 || line.step === 1) write({ kind: 'step', ...line });
    },
    epoch(metrics) {
      write({ kind: 'epoch', ...metrics });
    },
  };
}
