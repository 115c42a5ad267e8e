import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { freshCounters } from '../../core/training/progress.ts';
import { openMetricsLog } from './metrics-log.ts';
import type { MetricsLog } from './metrics-log.ts';

let dir = '';
const now = (): number => 1_700_000_000_000;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'graft-metrics-'));
});
afterEach(() => {
  rmSync(dir, { recursive: true });
});

const text = (): string => readFileSync(join(dir, 'metrics.jsonl'), 'utf8');
const epochMetrics = (epoch: number, step: number) => ({
  epoch,
  step,
  learningRate: 0.1,
  trainLoss: 1 / epoch,
  trainAccuracy: 0.5,
  validationLoss: 1,
  validationAccuracy: 0.5,
});
/** Steps from…to of epochs of `perEpoch` steps, with the line that ends each. */
function write(log: MetricsLog, from: number, to: number, perEpoch = 4): void {
  for (let step = from; step <= to; step++) {
    log.step({ step, epoch: Math.ceil(step / perEpoch), loss: 1 / step, learningRate: 0.1 });
    if (step % perEpoch === 0) log.epoch(epochMetrics(step / perEpoch, step));
  }
}
const resumedAt = (step: number, epoch: number) => ({ ...freshCounters, step, epoch });

describe('the log', () => {
  it('of a run that is resumed anywhere is that of a run never stopped', () => {
    write(openMetricsLog(dir, 12, freshCounters, now), 1, 12);
    const whole = text();
    for (let step = 0; step <= 12; step++) {
      for (const lost of [0, 1, 3]) {
        rmSync(join(dir, 'metrics.jsonl'), { force: true });
        write(openMetricsLog(dir, 12, freshCounters, now), 1, Math.min(12, step + lost));
        write(openMetricsLog(dir, 12, resumedAt(step, Math.floor(step / 4)), now), step + 1, 12);
        expect(text()).toBe(whole);
      }
    }
  });

  it('drops the line of an epoch whose end the checkpoint does not know', () => {
    write(openMetricsLog(dir, 12, freshCounters, now), 1, 4);
    openMetricsLog(dir, 12, resumedAt(4, 0), now);
    expect(text()).not.toContain('"kind":"epoch"');
    expect(text()).toContain('"step":4');
  });

  it('drops a torn line', () => {
    write(openMetricsLog(dir, 12, freshCounters, now), 1, 3);
    const before = text();
    appendFileSync(join(dir, 'metrics.jsonl'), '{"kind":"step","step":2,"ep');
    openMetricsLog(dir, 12, resumedAt(3, 0), now);
    expect(text()).toBe(before);
  });

  it('stays small: at most 20,000 lines of steps, the first among them', () => {
    const log = openMetricsLog(dir, 1_000_000, freshCounters, now);
    for (let step = 1; step <= 500; step++) log.step({ step, epoch: 1, loss: 1, learningRate: 1 });
    const steps = text()
      .trim()
      .split('\n')
      .map((line): unknown => JSON.parse(line));
    expect(steps).toHaveLength(1 + 500 / 50);
    expect(steps[0]).toMatchObject({ step: 1 });
    expect(steps[1]).toMatchObject({ step: 50 });
  });
});
