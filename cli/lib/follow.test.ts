import { PassThrough } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import { inputError } from '../../core/errors.ts';
import { asRunId } from '../../core/ids.ts';
import type { RunReport } from '../../contracts/run.ts';
import type { QueueRole } from '../../workflows/workflow-ids.ts';
import { createOutput } from '../output.ts';
import { follow } from './follow.ts';
import { RunView } from './run-view.ts';
import type { Observation, RunsClient } from '../../infra/clients/runs-client.ts';

const runId = asRunId('digits-1');
const report: RunReport = {
  runId,
  status: 'completed',
  weightsSha256: null,
  metrics: null,
  model: null,
  gate: [],
  stages: [{ name: 'ingest', cached: false, seconds: 1, summary: 'done' }],
  dataset: null,
  findings: [],
};
const away = Object.assign(new Error('UNAVAILABLE'), { code: 14, details: 'down', metadata: {} });
const idle: Observation = { progress: null, pending: [] };
const never = <T>(): Promise<T> => new Promise(() => undefined);

/** A run under a clock of its own: each pause passes its time at once, and `script` is what a second brings. */
function scene(script: {
  observe?: (second: number) => Observation;
  result?: (call: number, second: () => number) => Promise<RunReport>;
  unpolled?: (second: number) => QueueRole[];
  interruptAt?: number;
}) {
  let nowMs = 0;
  let results = 0;
  let interrupt: (value: 'interrupted') => void = () => undefined;
  const stderr = new PassThrough();
  const refuse = (): never => {
    throw new Error('not needed here');
  };
  const second = (): number => nowMs / 1000;
  const runs: RunsClient = {
    observe: async () => (script.observe ?? (() => idle))(second()),
    result: () => (script.result ?? never)(++results, second),
    unpolled: async () => (script.unpolled ?? (() => []))(second()),
    start: refuse,
    describe: refuse,
    list: refuse,
    cancel: refuse,
  };
  const end = follow({
    runs,
    runId,
    view: new RunView(createOutput({ json: false, stderr, stdout: new PassThrough() }), false),
    interrupted: new Promise((resolve) => {
      interrupt = resolve;
    }),
    readReport: () => Promise.resolve({ ...report, status: 'failed' }),
    nowMs: () => nowMs,
    pause: async (ms) => {
      nowMs += ms;
      if (nowMs >= (script.interruptAt ?? Infinity) * 1000) interrupt('interrupted');
      await new Promise((resolve) => setImmediate(resolve));
    },
  });
  return {
    end,
    lines: () =>
      stripVTControlCharacters(String(stderr.read() ?? ''))
        .split('\n')
        .filter((line) => line !== ''),
  };
}

const after = (seconds: number, outcome: () => RunReport) => async (_call: number, second: () => number) => {
  while (second() < seconds) await new Promise((resolve) => setImmediate(resolve));
  return outcome();
};

describe('follow', () => {
  it('ends with the report, and shows stages that were too quick to be seen', async () => {
    const { end, lines } = scene({ result: after(0, () => report) });
    expect(await end).toEqual({ kind: 'completed', report });
    expect(lines()).toEqual(['✓ ingest       1.0 s  done']);
  });

  it('calls a cancelled run cancelled, although its workflow completed', async () => {
    const { end } = scene({ result: after(2, () => ({ ...report, status: 'cancelled' })) });
    expect(await end).toMatchObject({
      kind: 'ended',
      report: { status: 'cancelled' },
      error: { code: 'RUN_CANCELLED' },
    });
  });

  it('gives a failed run its stored report and its error', async () => {
    const { end } = scene({
      result: after(2, () => {
        throw inputError('DATASET_SPLIT', 'x', 'y');
      }),
    });
    expect(await end).toMatchObject({ kind: 'ended', report: { status: 'failed' }, error: { code: 'RUN_FAILED' } });
  });

  it('leaves when the person does', async () => {
    const { end } = scene({ interruptAt: 3 });
    expect(await end).toEqual({ kind: 'detached' });
  });

  it('says once, after five seconds, that nobody works on the run', async () => {
    const { end, lines } = scene({ unpolled: () => ['data', 'train'], interruptAt: 120 });
    await end;
    expect(lines()).toEqual([
      'NO_WORKER: nobody works on graft-data, graft-train — start one: graft worker --queues data,train (or graft up) — the run waits for it',
    ]);
  });

  it('says nothing while an activity is under way, or for a slow first second', async () => {
    const busy: Observation = {
      progress: null,
      pending: [{ activity: 'trainModel', started: true, attempt: 1, lastFailure: null, heartbeat: null }],
    };
    const unpolled = (): QueueRole[] => ['workflow'];
    const working = scene({ observe: () => busy, unpolled, interruptAt: 60 });
    await working.end;
    expect(working.lines()).toEqual([]);
    const short = scene({ unpolled, interruptAt: 4 });
    await short.end;
    expect(short.lines()).toEqual([]);
  });

  it('goes on through a restart of Temporal, and says so', async () => {
    const { end, lines } = scene({
      observe: (second) => {
        if (second >= 3 && second < 60) throw away;
        return idle;
      },
      result: async (call, second) => {
        while (second() < (call === 1 ? 3 : 70)) await new Promise((resolve) => setImmediate(resolve));
        if (second() < 60) throw away;
        return report;
      },
    });
    expect(await end).toMatchObject({ kind: 'completed' });
    const seen = lines();
    expect(seen[0]).toMatch(/^Temporal does not answer; the run itself goes on/);
    expect(seen[1]).toBe('Temporal answers again');
  });

  it('gives up after a quarter of an hour without contact', async () => {
    const { end } = scene({
      observe: (second) => {
        if (second > 1) throw away;
        return idle;
      },
    });
    await expect(end).rejects.toThrowError(/^TEMPORAL_UNREACHABLE: run digits-1 — no contact for 15 minutes/);
  });
});
