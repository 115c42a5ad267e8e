import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { MlEvent, TrainJob } from '../../contracts/ml-protocol.ts';
import { makeJob, resumed, runToEnd } from '../../test/lib/trainer-bench.ts';
import type { JobChange } from '../../test/lib/trainer-bench.ts';
import { childEnvironment } from '../config.ts';
import { loadTensorFlow } from '../native/load-tensorflow.ts';
import type { MlSession } from '../ports/ml-runner.ts';
import { createMlRunner } from './ml-runner.ts';

let dir = '';
let jobs = 0;
const sessions: MlSession[] = [];
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'graft-runner-'));
});
afterEach(async () => {
  await Promise.all(sessions.splice(0).map((session) => session.kill()));
  for (const pid of childrenHere()) process.kill(pid, 'SIGKILL');
  vi.unstubAllEnvs();
  rmSync(dir, { recursive: true });
});

const fresh = (change: JobChange = {}): Promise<TrainJob> => makeJob(join(dir, String(jobs++)), change);
/** Hours of it, with a checkpoint every 10 steps. */
const long = { train: { epochs: 1_000_000, checkpoint: { everySteps: 10, everySeconds: null, keepBest: false } } };

function start(job: TrainJob, options: { entry?: string } = {}): MlSession {
  const runner = createMlRunner({ env: childEnvironment({}, { secrets: false }), ...options });
  const session = runner.start(job, { threads: 1 });
  sessions.push(session);
  return session;
}

/** Reads on until an event of this kind. */
async function until<K extends MlEvent['kind']>(
  events: AsyncIterator<MlEvent>,
  kind: K,
): Promise<Extract<MlEvent, { kind: K }>> {
  for (;;) {
    const { value, done } = await events.next();
    if (done === true) throw new Error(`ended before ${kind}`);
    if (value.kind === kind) return value as Extract<MlEvent, { kind: K }>;
  }
}

async function rest(events: AsyncIterator<MlEvent>): Promise<MlEvent[]> {
  const all: MlEvent[] = [];
  for (;;) {
    const { value, done } = await events.next();
    if (done === true) return all;
    all.push(value);
  }
}

function lives(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe('a child process', () => {
  it('trains to the same bits as this process, says so and goes', async () => {
    const job = await fresh();
    const session = start(job);
    const events = await rest(session.events[Symbol.asyncIterator]());
    expect(events[0]).toMatchObject({
      kind: 'ready',
      environment: { backend: 'tensorflow', device: 'cpu', threads: 1, arch: process.arch },
    });
    const trained = events.at(-1);
    expect(trained).toMatchObject({ kind: 'trained', result: { steps: 15, epochs: 3 } });
    await session.stop(10_000);
    expect(lives(session.pid)).toBe(false);
    await loadTensorFlow({ threads: 1 });
    const here = await runToEnd(await fresh());
    expect(trained?.kind === 'trained' && trained.result.weightsSha256).toBe(here.weightsSha256);
  });

  it('has no credentials in its environment', async () => {
    const canaries = {
      AWS_ACCESS_KEY_ID: 'canary-1',
      AWS_SECRET_ACCESS_KEY: 'canary-2',
      AWS_SESSION_TOKEN: 'canary-3',
      TEMPORAL_API_KEY: 'canary-4',
      TEMPORAL_TLS_KEY: 'canary-5',
      S3_ENDPOINT: 'http://canary-6',
    };
    for (const [name, value] of Object.entries(canaries)) vi.stubEnv(name, value);
    vi.stubEnv('GRAFT_TEST_MARK', 'not a secret');
    const session = start(await fresh(long));
    await until(session.events[Symbol.asyncIterator](), 'ready');
    const environment = readFileSync(`/proc/${session.pid}/environ`, 'utf8');
    expect(environment).toContain('GRAFT_TEST_MARK=not a secret');
    expect(environment).toContain('TF_NUM_INTRAOP_THREADS=1');
    expect(environment).not.toContain('canary');
    expect(readFileSync(`/proc/${session.pid}/cmdline`, 'utf8')).not.toContain('canary');
  });

  it('that can’t do its job says why, as an error of its own', async () => {
    const session = start(await fresh({ rows: { train: [4], validation: [] } }));
    const events = await rest(session.events[Symbol.asyncIterator]());
    expect(events.at(-1)).toMatchObject({
      kind: 'failed',
      code: 'DATASET_SPLIT',
      errorKind: 'input',
      where: 'validation',
    });
  });
});

describe('a child that is killed', () => {
  it('is ML_CRASHED, which a retry mends from its last checkpoint', async () => {
    const job = await fresh(long);
    const session = start(job);
    const events = session.events[Symbol.asyncIterator]();
    const { staged } = await until(events, 'checkpoint');
    process.kill(session.pid, 'SIGKILL');
    await expect(rest(events)).rejects.toMatchObject({
      code: 'ML_CRASHED',
      kind: 'transient',
      message: expect.stringContaining('killed by SIGKILL'),
    });
    const next = await resumed(job);
    expect(next.resume?.counters.step).toBeGreaterThanOrEqual(staged.counters.step);
    // Asking the dead for an end is no error.
    await Promise.all([session.stop(1000), session.stop(1000), session.kill()]);
  });

  it('before it said a word is ML_CRASHED too', async () => {
    const session = start(await fresh(long));
    const events = rest(session.events[Symbol.asyncIterator]());
    process.kill(session.pid, 'SIGKILL');
    await Promise.all([expect(events).rejects.toMatchObject({ code: 'ML_CRASHED' }), session.stop(5000)]);
  });
});

describe('a stop', () => {
  it('is answered with a last checkpoint and an orderly end', async () => {
    const session = start(await fresh(long));
    const events = session.events[Symbol.asyncIterator]();
    await until(events, 'step');
    const stopped = session.stop(60_000);
    const last = await rest(events);
    await stopped;
    const end = last.at(-1);
    const checkpoint = last.findLast((event) => event.kind === 'checkpoint');
    expect(end).toMatchObject({ kind: 'stopped', reason: 'requested' });
    expect(end?.kind === 'stopped' && end.step).toBe(checkpoint?.staged.counters.step);
    expect(readFileSync(checkpoint!.staged.path).length).toBe(checkpoint!.staged.sizeBytes);
    expect(lives(session.pid)).toBe(false);
  });

  it('that comes while TensorFlow loads is not lost', async () => {
    const session = start(await fresh(long));
    const stopped = session.stop(60_000);
    expect((await rest(session.events[Symbol.asyncIterator]())).at(-1)).toMatchObject({ kind: 'stopped' });
    await stopped;
  });

  it('that is not answered ends in SIGKILL at its deadline', async () => {
    const session = start(await fresh(long));
    const events = session.events[Symbol.asyncIterator]();
    await until(events, 'ready');
    process.kill(session.pid, 'SIGSTOP');
    await session.stop(200);
    expect(lives(session.pid)).toBe(false);
    await expect(rest(events)).rejects.toMatchObject({ code: 'ML_CRASHED' });
  });
});

describe('a parent that dies', () => {
  it('takes its child with it', async () => {
    const jobPath = join(dir, 'job.json');
    writeFileSync(jobPath, JSON.stringify(await fresh(long)));
    const script = fileURLToPath(new URL('../../test/lib/ml-parent-process.ts', import.meta.url));
    const parent = spawn(process.execPath, ['--import', import.meta.resolve('tsx'), script, jobPath]);
    let pid = 0;
    for await (const line of createInterface({ input: parent.stdout })) {
      const said: { kind: string; pid: number } = JSON.parse(line);
      pid = said.pid;
      if (said.kind === 'step') break;
    }
    expect(lives(pid)).toBe(true);
    parent.kill('SIGKILL');
    for (let polls = 0; polls < 600 && lives(pid); polls++) await sleep(50);
    expect(lives(pid)).toBe(false);
  });
});

describe('a child that talks nonsense', () => {
  it('is stopped and told of; the worker lives', async () => {
    const entry = fileURLToPath(new URL('../../test/lib/silly-ml-process.ts', import.meta.url));
    const session = start(await fresh(), { entry });
    await expect(rest(session.events[Symbol.asyncIterator]())).rejects.toMatchObject({
      code: 'ML_PROTOCOL',
      kind: 'transient',
    });
    await session.stop(5000);
    expect(lives(session.pid)).toBe(false);
  });
});

describe('the spare process', () => {
  /** Starts a job, and waits until a further process is there; its id. */
  async function withSpare(spareMs: number) {
    const env = childEnvironment({}, { secrets: false });
    const runner = createMlRunner({ env, defaultThreads: 1, spareMs });
    const begin = (job: TrainJob, threads: number): MlSession => {
      const session = runner.start(job, { threads });
      sessions.push(session);
      return session;
    };
    const first = begin(await fresh(), 1);
    await rest(first.events[Symbol.asyncIterator]());
    return { runner, begin, first };
  }

  it('takes the next job of as many threads, and gives the same bits', async () => {
    const { begin, first } = await withSpare(60_000);
    const [spare] = childrenHere().filter((pid) => pid !== first.pid);
    expect(spare).toBeDefined();
    const second = begin(await fresh(), 1);
    expect(second.pid).toBe(spare);
    const trained = (await rest(second.events[Symbol.asyncIterator]())).at(-1);
    await loadTensorFlow({ threads: 1 });
    const here = await runToEnd(await fresh());
    expect(trained?.kind === 'trained' && trained.result.weightsSha256).toBe(here.weightsSha256);
    const third = begin(await fresh(), 2);
    const [ready] = await rest(third.events[Symbol.asyncIterator]());
    expect(ready).toMatchObject({ kind: 'ready', environment: { threads: 2 } });
  });

  it('loads while pictures are rendered, for the training on them', async () => {
    const runner = createMlRunner({
      env: childEnvironment({}, { secrets: false }),
      defaultThreads: 1,
      spareMs: 60_000,
    });
    runner.expectJob();
    const [spare] = childrenHere();
    expect(spare).toBeDefined();
    const session = runner.start(await fresh(), { threads: 1 });
    sessions.push(session);
    expect(session.pid).toBe(spare);
    await rest(session.events[Symbol.asyncIterator]());
  });

  it('that was killed is not used', async () => {
    const { begin, first } = await withSpare(60_000);
    const [spare = 0] = childrenHere().filter((pid) => pid !== first.pid);
    process.kill(spare, 'SIGKILL');
    await vi.waitFor(() => {
      expect(lives(spare)).toBe(false);
    });
    const second = begin(await fresh(), 1);
    expect(second.pid).not.toBe(spare);
    expect((await rest(second.events[Symbol.asyncIterator]())).at(-1)).toMatchObject({ kind: 'trained' });
  });

  it('goes when nothing comes', async () => {
    const { first } = await withSpare(1);
    await vi.waitFor(
      () => {
        expect(childrenHere().filter((pid) => pid !== first.pid)).toEqual([]);
      },
      { timeout: 20_000 },
    );
  });
});

/** Ids of the ML processes that this one started. */
function childrenHere(): number[] {
  const started = readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8');
  return started
    .trim()
    .split(' ')
    .map(Number)
    .filter((pid) => pid > 0 && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('ml-process'));
}
