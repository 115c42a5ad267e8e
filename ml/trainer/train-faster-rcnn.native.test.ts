import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { TrainJob } from '../../contracts/ml-protocol.ts';
import { loadTensorFlow } from '../../infra/native/load-tensorflow.ts';
import { detectorJob, smallFasterRcnn } from '../../test/lib/detector-job.ts';
import { runToEnd } from '../../test/lib/trainer-bench.ts';

let dir = '';
beforeAll(async () => {
  await loadTensorFlow({ threads: 2 });
  dir = mkdtempSync(join(tmpdir(), 'graft-faster-rcnn-'));
});
afterAll(() => {
  rmSync(dir, { recursive: true });
});

function job(name: string): TrainJob {
  const train = { schedule: { kind: 'one-cycle' }, clipNorm: 10, averageDecay: 0.9, checkpoint: { everySteps: 3, everySeconds: null } }; // prettier-ignore
  const made = detectorJob(join(dir, name), { train, augment: { brightness: 0.2 } });
  return { ...made, model: { ...made.model, detector: smallFasterRcnn } };
}

it(
  'Faster R-CNN that is stopped or dies anywhere ends with the same bits as one that never was',
  { timeout: 240_000 },
  async () => {
    const whole = await runToEnd(job('whole'));
    expect(whole.result).toMatchObject({ steps: 15, epochs: 3 });
    const stopped = await runToEnd(job('stopped'), () => ({ stopAfterSteps: 4 }));
    expect(stopped.sessions).toBeGreaterThan(2);
    const crashed = await runToEnd(job('crashed'), (session) => (session < 6 ? { crashAtEvent: 5 } : {}));
    expect(crashed.sessions).toBeGreaterThan(2);
    for (const outcome of [stopped, crashed]) {
      expect(outcome.weightsSha256).toBe(whole.weightsSha256);
      expect(outcome.result).toEqual(whole.result);
      expect(outcome.log).toBe(whole.log);
    }
  },
);
