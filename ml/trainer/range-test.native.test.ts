import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { MlEvent } from '../../contracts/ml-protocol.ts';
import { rangeTestRate } from '../../core/training/lr-finder.ts';
import { loadTensorFlow } from '../../infra/native/load-tensorflow.ts';
import { detectorJob } from '../../test/lib/detector-job.ts';
import { makeJob } from '../../test/lib/trainer-bench.ts';
import { runRangeTest } from './range-test.ts';

beforeAll(() => loadTensorFlow({ threads: 2 }));

let dir = '';
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'graft-range-'));
});
afterAll(() => {
  rmSync(dir, { recursive: true });
});

const test = { startRate: 1e-6, endRate: 1e4, iterations: 60 };

async function run(name: string, stopAfter = Infinity) {
  const train = await makeJob(join(dir, name), { train: { optimizer: { kind: 'sgd' }, seed: 3 } });
  const events: MlEvent[] = [];
  const host = {
    emit: (event: MlEvent) => void events.push(event),
    stopRequested: () => events.length >= stopAfter,
    nowMs: () => 0,
    residentBytes: () => 0,
  };
  await runRangeTest({ kind: 'range-test', train, test }, host);
  const last = events.at(-1);
  return { last, curve: last?.kind === 'range-tested' ? last.curve : [], workDir: train.workDir };
}

describe('a range test', () => {
  it('goes up the rates until the loss diverges, the same way each time, and leaves nothing', async () => {
    const { curve, workDir } = await run('one');
    expect(curve.length).toBeGreaterThan(15);
    for (const [i, { rate, loss }] of curve.entries()) {
      expect(rate).toBe(rangeTestRate(test, i));
      expect(Number.isFinite(loss)).toBe(true);
    }
    // Rates of 10⁴ are not survived: it ended before its last step.
    expect(curve.length).toBeLessThan(test.iterations);
    expect(readdirSync(workDir)).toEqual([]);
    expect((await run('two')).curve).toEqual(curve);
  });

  it('of a detector takes its losses and its boxes', { timeout: 120_000 }, async () => {
    const train = detectorJob(join(dir, 'detector'), { train: { optimizer: { kind: 'sgd' } } });
    const events: MlEvent[] = [];
    const host = { emit: (event: MlEvent) => void events.push(event), stopRequested: () => false, nowMs: () => 0, residentBytes: () => 0 }; // prettier-ignore
    await runRangeTest({ kind: 'range-test', train, test }, host);
    const last = events.at(-1);
    const curve = last?.kind === 'range-tested' ? last.curve : [];
    expect(curve.length).toBeGreaterThan(10);
    expect(curve.length).toBeLessThan(test.iterations);
    // An SSD that knows nothing: classes and boxes of every object, divided by the anchors that are matched.
    expect(curve[0]?.loss).toBeGreaterThan(5);
  });

  it('that is stopped says so', async () => {
    expect((await run('three', 5)).last).toEqual({ kind: 'stopped', step: 0, reason: 'requested' });
  });
});
