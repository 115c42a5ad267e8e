import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import type { TrainCounters } from '../../contracts/run.ts';

/**
 * Prepares a file of JSON lines to be continued from `counters`: lines beyond were written by an attempt that died after
 * its last checkpoint, and go. So does a torn last line, which is no JSON. The rest stays byte for byte.
 */
export function continueLog(path: string, counters: TrainCounters): void {
  const kept = existsSync(path)
    ? readFileSync(path, 'utf8')
        .split('\n')
        .filter((line) => isPast(line, counters))
    : [];
  const temporary = `${path}.tmp`;
  writeFileSync(temporary, kept.map((line) => `${line}\n`).join(''));
  renameSync(temporary, path);
}

/** Whether a line lies before the point of resume: of a step by its step, of anything else by its epoch. */
function isPast(text: string, counters: TrainCounters): boolean {
  try {
    const line: unknown = JSON.parse(text);
    if (typeof line !== 'object' || line === null || !('kind' in line)) return false;
    if (line.kind === 'step') return 'step' in line && typeof line.step === 'number' && line.step <= counters.step;
    return 'epoch' in line && typeof line.epoch === 'number' && line.epoch <= counters.epoch;
  } catch {
    return false;
  }
}
