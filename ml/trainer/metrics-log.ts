import { appendFileSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { EpochMetrics } from '../../contracts/manifests.ts';
import type { TrainCounters } from '../../contracts/run.ts';
import { runFiles } from '../../core/training/run-files.ts';

/** At most this many step lines, however long the run: every n-th step is written. */
const MAX_STEP_LINES = 20_000;

type Line =
  | { kind: 'step'; step: number; epoch: number; loss: number; learningRate: number }
  | ({ kind: 'epoch' } & EpochMetrics);

/** `metrics.jsonl` of a run: a line a step (thinned) and a line an epoch. A resume continues it without gap or double. */
export interface MetricsLog {
  step(line: Omit<Extract<Line, { kind: 'step' }>, 'kind'>): void;
  epoch(metrics: EpochMetrics): void;
}

/** Opens the log; lines beyond `counters` were written by an attempt that died after its last checkpoint, and go. */
export function openMetricsLog(workDir: string, totalSteps: number, counters: TrainCounters): MetricsLog {
  const path = join(workDir, runFiles.metrics);
  const kept = existsSync(path)
    ? readFileSync(path, 'utf8')
        .split('\n')
        .filter((line) => isPast(line, counters))
    : [];
  const temporary = `${path}.tmp`;
  writeFileSync(temporary, kept.map((line) => `${line}\n`).join(''));
  renameSync(temporary, path);
  const stride = Math.max(1, Math.ceil(totalSteps / MAX_STEP_LINES));
  const write = (line: Line): void => {
    appendFileSync(path, `${JSON.stringify(line)}\n`);
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

/** Whether a line lies before the point of resume. A torn last line is not JSON and goes as well. */
function isPast(text: string, counters: TrainCounters): boolean {
  try {
    const line: unknown = JSON.parse(text);
    if (typeof line !== 'object' || line === null || !('kind' in line)) return false;
    if (line.kind === 'epoch') return 'epoch' in line && typeof line.epoch === 'number' && line.epoch <= counters.epoch;
    return 'step' in line && typeof line.step === 'number' && line.step <= counters.step;
  } catch {
    return false;
  }
}
