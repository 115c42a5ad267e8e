import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { transientError } from '../../core/errors.ts';
import { createFakeClock } from '../../test/fakes/clock.ts';
import { createMemoryObjectStore } from '../../test/fakes/memory-object-store.ts';
import type { MemoryObjectStore } from '../../test/fakes/memory-object-store.ts';
import { createScriptedMlRunner } from '../../test/fakes/scripted-ml-runner.ts';
import { readEvents } from '../../test/lib/read-events.ts';
import type { Script } from '../../test/fakes/scripted-ml-runner.ts';
import { checkpoint, createTrainWorld, finish, jobOf, ready, RUN } from '../../test/fakes/train-stage.ts';
import { fakePorts } from '../../test/fakes/train-ports.ts';
import { claimAttempt } from './attempt.ts';
import { superviseTraining } from './training-session.ts';
import type { TrainingRun } from './training-session.ts';
import type { TrainingProgress } from '../../contracts/run.ts';
import { asSha256 } from '../../core/ids.ts';

let dir = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'graft-session-'));
});
afterEach(() => {
  rmSync(dir, { recursive: true });
});

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const stepsIn = (store: MemoryObjectStore): number[] =>
  store.keys().flatMap((key) => {
    const step = /checkpoints\/(\d+)-\d+\/manifest\.json$/.exec(key)?.[1];
    return step === undefined ? [] : [Number(step)];
  });

/** A supervised training of some scripts, beginning from nothing. */
async function supervised(scripts: readonly Script[], store = createMemoryObjectStore()) {
  const { config } = (await createTrainWorld(join(dir, 'unused'))).inputWith();
  const ml = createScriptedMlRunner(scripts);
  const clock = createFakeClock();
  const ports = fakePorts({ store, dir, ml, clock });
  const identity = { runId: RUN, trainKey: 'a'.repeat(64), dataOrderSha256: asSha256('b'.repeat(64)) };
  const { attempt } = await claimAttempt(ports, RUN, { resumedFromStep: 0, reachedStep: null });
  const progress: TrainingProgress[] = [];
  const run: TrainingRun = {
    ports,
    identity,
    attempt,
    threads: 2,
    job: {
      kind: 'train',
      workDir: await ports.files.scratch('runs', RUN),
      reads: { kind: 'pixels' },
      model: {
        backbone: 'tiny-cnn',
        strategy: 'scratch',
        classes: ['a', 'b'],
        image: { heightPx: 16, widthPx: 16, channels: 3, resize: 'stretch' },
        normalization: 'minus1-to-1',
        dropout: 0,
      },
      lastN: 1,
      weightsPath: null,
      train: { rows: 0, shards: [] },
      validation: { rows: 0, shards: [] },
      config: config.train,
      augment: config.augment,
      dataOrderSha256: identity.dataOrderSha256,
      resume: null,
    },
    signal: new AbortController().signal,
    onProgress: (update) => progress.push(update),
  };
  return { ml, store, clock, progress, run, end: superviseTraining(run) };
}

describe('a trainer that grew beyond its memory', () => {
  it('is started anew from the checkpoint that it left, which still lies there', async () => {
    const recycled: Script = async (host) => {
      ready(host);
      await checkpoint(host, 20);
      host.emit({ kind: 'stopped', step: 20, reason: 'memory' });
    };
    let found = false;
    const resumes: Script = async (host) => {
      const { resume } = jobOf(host.job);
      expect(resume?.counters.step).toBe(20);
      found = existsSync(resume?.path ?? '');
      ready(host);
      await finish(host);
    };
    const { end, ml, store } = await supervised([recycled, resumes]);
    await expect(end).resolves.toMatchObject({ kind: 'trained' });
    expect(found).toBe(true);
    expect(ml.jobs).toHaveLength(2);
    expect(stepsIn(store)).toEqual([20]);
  });
});

describe('uploads', () => {
  it('go on beside the steps, one at a time; of those that wait only the newest is taken', async () => {
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    let uploading = 0;
    const store = createMemoryObjectStore({
      before: async (call) => {
        if (call !== 'putFile') return;
        expect(++uploading).toBe(1);
        await held;
        uploading--;
      },
    });
    const script: Script = async (host) => {
      ready(host);
      for (const step of [10, 20, 30, 40]) {
        await checkpoint(host, step);
        await turn();
      }
      release();
      await finish(host);
    };
    const { end, progress } = await supervised([script], store);
    await expect(end).resolves.toMatchObject({ kind: 'trained' });
    expect(stepsIn(store)).toEqual([10, 40]);
    expect(progress.at(-1)?.checkpoint).toMatchObject({
      step: 40,
      key: expect.stringContaining('000000000040-000001/'),
    });
  });

  it('that fail end the attempt: it would work for nothing', async () => {
    const store = createMemoryObjectStore({
      before: (call) => {
        if (call === 'putFile') throw transientError('STORE_FULL', 'memory', 'no room');
      },
    });
    const script: Script = async (host) => {
      ready(host);
      await checkpoint(host, 10);
      for (let step = 11; ; step++) {
        host.emit({ kind: 'features', done: step, total: 1_000_000 });
        await turn();
        if (ml.endings.length > 0) return;
      }
    };
    const { end, ml } = await supervised([script], store);
    await expect(end).rejects.toMatchObject({ code: 'STORE_FULL', kind: 'transient' });
    expect(ml.endings).toEqual(['kill']);
  });

  it('keep as many as the configuration says', async () => {
    const script: Script = async (host) => {
      ready(host);
      for (const step of [10, 20, 30, 40, 50, 60]) {
        await checkpoint(host, step);
        while (!stepsIn(store).includes(step)) await turn();
      }
      await finish(host);
    };
    const store = createMemoryObjectStore();
    await (
      await supervised([script], store)
    ).end;
    expect(stepsIn(store)).toEqual([40, 50, 60]);
  });

  it('bring the metrics file to the store while it grows and when it ends', async () => {
    const seen: string[] = [];
    const read = async (): Promise<string> => (await store.get(`runs/${RUN}/metrics.jsonl`))?.body.toString() ?? '';
    const script: Script = async (host) => {
      ready(host);
      const path = join(jobOf(host.job).workDir, 'metrics.jsonl');
      await writeFile(path, '{"step":1}\n');
      clock.advance(15_000);
      host.emit({ kind: 'features', done: 1, total: 2 });
      while ((await read()) === '') await turn();
      seen.push(await read());
      await writeFile(path, '{"step":1}\n{"step":2}\n');
      await finish(host);
    };
    const store = createMemoryObjectStore();
    const { end, clock } = await supervised([script], store);
    await end;
    expect([...seen, await read()]).toEqual(['{"step":1}\n', '{"step":1}\n{"step":2}\n']);
  });

  it('bring events for TensorBoard, each step once however often the file was written', async () => {
    const line = (step: number) =>
      `${JSON.stringify({ kind: 'step', step, epoch: 1, loss: 1 / step, learningRate: 0.1, timeMs: step })}\n`;
    const histograms = { kind: 'histograms', epoch: 1, step: 2, histograms: { bias: { min: 0, max: 1, counts: [1] } } };
    const script: Script = async (host) => {
      ready(host);
      const { workDir } = jobOf(host.job);
      await writeFile(join(workDir, 'metrics.jsonl'), line(1));
      clock.advance(15_000);
      host.emit({ kind: 'features', done: 1, total: 2 });
      while (!store.keys().includes(key)) await turn();
      await writeFile(join(workDir, 'metrics.jsonl'), line(1) + line(2) + line(3));
      await writeFile(join(workDir, 'histograms.jsonl'), `${JSON.stringify(histograms)}\n`);
      await finish(host);
    };
    const store = createMemoryObjectStore();
    const key = `runs/${RUN}/events/train/events.out.tfevents.0000000001.graft`;
    const { end, clock } = await supervised([script], store);
    await end;
    const events = await readEvents((await store.get(key))!.body);
    expect(events.filter(({ tag }) => tag === 'loss/step').map(({ step }) => step)).toEqual([1, 2, 3]);
    expect(events.find(({ plugin }) => plugin === 'histograms')).toMatchObject({ step: 2, tag: 'bias' });
  });
});
