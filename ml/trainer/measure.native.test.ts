import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { MlEvent } from '../../contracts/ml-protocol.ts';
import { defaultProbe } from '../../core/advice/probe.ts';
import { loadTensorFlow } from '../../infra/native/load-tensorflow.ts';
import { makeJob } from '../../test/lib/trainer-bench.ts';
import { runMeasure } from './measure.ts';
import { runProbe } from './probe.ts';

beforeAll(() => loadTensorFlow({ threads: 2 }));

let dir = '';
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'graft-measure-'));
});
afterAll(() => {
  rmSync(dir, { recursive: true });
});

/** A clock that goes 0.5 s a look. */
function listening() {
  const events: MlEvent[] = [];
  let now = 0;
  const host = {
    emit: (event: MlEvent) => void events.push(event),
    stopRequested: () => false,
    nowMs: () => (now += 500),
    residentBytes: () => 3 * 2 ** 20,
  };
  return { events, host };
}

describe('a measurement', () => {
  it('times steps on pixels where nothing is frozen', async () => {
    const train = await makeJob(join(dir, 'full'), { model: { strategy: 'scratch' } });
    const { events, host } = listening();
    await runMeasure({ kind: 'measure', train, keepsCodes: false, steps: 3 }, host);
    const [last] = events.slice(-1);
    expect(last?.kind === 'measured' && last.measured).toMatchObject({
      ...{ stepSeconds: 0.5, stepFast: 0.5, stepSlow: 0.5, scoreSeconds: 0.5, residentMb: 3 },
      ...{ prefix: null, codeValues: null },
    });
  });

  it('times the frozen part apart from the steps behind it', async () => {
    const train = await makeJob(join(dir, 'head'), { model: { strategy: 'head' } });
    const { events, host } = listening();
    await runMeasure({ kind: 'measure', train, keepsCodes: true, steps: 3 }, host);
    const [last] = events.slice(-1);
    // tiny-cnn ends with 32 channels, which the head's pooling makes one number each.
    expect(last?.kind === 'measured' && last.measured).toMatchObject({ prefix: { batchSeconds: 0.5 }, codeValues: 32 });
  });
});

describe('a probe', () => {
  it('scores each cut on the rows that were asked for, the same way each time', async () => {
    const train = await makeJob(join(dir, 'probe'), { rows: { train: [20, 16], validation: [1] } });
    const once = async (cuts: readonly string[]) => {
      const { events, host } = listening();
      const rows = [...Array(30).keys()].map((row) => row + 2);
      const { model, weightsPath, workDir } = train;
      const options = { ...defaultProbe, maxIterations: 20 };
      await runProbe(
        { kind: 'probe', workDir, model, weightsPath, side: train.train, rows, cuts: [...cuts], options },
        host,
      );
      const [last] = events.slice(-1);
      if (last?.kind !== 'probed') throw new Error('no result');
      return last.probe;
    };
    const probe = await once(['conv2']);
    expect(probe).toMatchObject({ images: 30, folds: 3 });
    expect(probe.cuts.map(({ cut }) => cut)).toEqual(['conv2', 'conv4']);
    for (const { accuracy } of probe.cuts) expect(accuracy).toBeGreaterThan(0);
    expect(await once(['conv2'])).toEqual(probe);
    await expect(once(['conv9'])).rejects.toThrow(/CONFIG_VALUE: cut — conv9 — a cut point of tiny-cnn: conv1, conv2/);
  });
});
