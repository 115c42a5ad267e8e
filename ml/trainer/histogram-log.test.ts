import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { float32Tensor } from '../../core/checkpoint/tensor-data.ts';
import { histogramEvents } from '../../core/summaries/histogram-events.ts';
import { freshCounters } from '../../core/training/progress.ts';
import { openHistogramLog } from './histogram-log.ts';

let dir = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'graft-histograms-'));
});
afterEach(() => {
  rmSync(dir, { recursive: true });
});

const weights = new Map([['bias', float32Tensor(Float32Array.from([0, 0.5, 1]), [3])]]);
const events = () => histogramEvents(readFileSync(join(dir, 'histograms.jsonl'), 'utf8'), 0);

function write(from: number, to: number, epochs: number, epoch = from - 1): void {
  const log = openHistogramLog(dir, epochs, { ...freshCounters, epoch, step: epoch * 4 }, () => 1);
  for (let each = from; each <= to; each++) if (log.wants(each)) log.write({ epoch: each, step: each * 4 }, weights);
}

describe('histograms of a run', () => {
  it('are those of a run never stopped, wherever it is resumed', () => {
    write(1, 6, 6);
    const whole = events();
    expect(whole.map(({ step }) => step)).toEqual([4, 8, 12, 16, 20, 24]);
    for (let epoch = 0; epoch <= 6; epoch++) {
      write(epoch + 1, 6, 6);
      expect(events()).toEqual(whole);
    }
  });

  it('are thinned evenly in a long one, the last epoch among them', () => {
    write(1, 1010, 1010);
    const steps = events().map(({ step }) => step / 4);
    expect(steps.length).toBeLessThanOrEqual(50);
    expect([steps[0], steps[1], steps.at(-1)]).toEqual([21, 42, 1010]);
  });
});
