/** Parts of a training: paused at the end of an epoch and gone on from, they end as the whole does, bit for bit. */
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { loadTensorFlow } from '../../infra/native/load-tensorflow.ts';
import { makeJob, resumed, runSession, runToEnd } from '../../test/lib/trainer-bench.ts';
import type { JobChange } from '../../test/lib/trainer-bench.ts';

beforeAll(() => loadTensorFlow({ threads: 2 }));

let dir = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'graft-pause-'));
});
afterEach(() => {
  rmSync(dir, { recursive: true });
});

const change: JobChange = {
  model: { dropout: 0.3 },
  augment: { flipHorizontal: 0.5 },
  // No checkpoint falls due by itself: what is gone on from is the pause.
  train: {
    epochs: 5,
    schedule: { kind: 'one-cycle' },
    optimizer: { kind: 'adam', learningRate: 0.01, weightDecay: 0.05 },
    averageDecay: 0.9,
    checkpoint: { everySteps: 1000, everySeconds: null, keepBest: false },
  },
};

it('a training in three parts ends with the bits of the whole, under the schedule of the whole', async () => {
  const whole = await runToEnd(await makeJob(join(dir, 'whole'), change));
  const job = await makeJob(join(dir, 'parts'), change);
  for (const untilEpoch of [1, 3]) {
    const { events } = await runSession({ ...(await resumed(job)), untilEpoch });
    const [checkpoint, trained] = events.slice(-2);
    expect(checkpoint).toMatchObject({ kind: 'checkpoint', staged: { counters: { epoch: untilEpoch, cursor: 0 } } });
    expect(trained).toMatchObject({ kind: 'trained', result: { epochs: untilEpoch } });
  }
  const end = await runToEnd(job);
  expect(end.weightsSha256).toBe(whole.weightsSha256);
  expect(end.log).toBe(whole.log);
});

it('a part that was killed after its pause pauses again', async () => {
  const job = await makeJob(join(dir, 'again'), change);
  await runSession({ ...job, untilEpoch: 2 });
  const second = await runSession({ ...(await resumed(job)), untilEpoch: 2 });
  expect(second.events.find(({ kind }) => kind === 'checkpoint')).toMatchObject({
    staged: { counters: { epoch: 2, cursor: 0 } },
  });
  expect(second.events.at(-1)).toMatchObject({ kind: 'trained', result: { epochs: 2 } });
});

it('a finished training that is extended ends with the bits of one that was as long from the beginning', async () => {
  const constant = (epochs: number): JobChange => ({
    ...change,
    train: {
      ...change.train,
      epochs,
      schedule: { kind: 'constant' },
      checkpoint: { everySteps: 2, everySeconds: null },
    },
  });
  const long = await runToEnd(await makeJob(join(dir, 'long'), constant(5)));
  const short = await makeJob(join(dir, 'short'), constant(3));
  await runToEnd(short);
  const longer = await makeJob(join(dir, 'longer'), constant(5));
  const { resume } = await resumed(short);
  const path = join(dir, 'resume.safetensors');
  copyFileSync(resume!.path, path);
  const { events } = await runSession({ ...longer, resume: { ...resume!, path } });
  expect(events.at(-1)).toMatchObject({ kind: 'trained', result: { weightsSha256: long.weightsSha256 } });
});
