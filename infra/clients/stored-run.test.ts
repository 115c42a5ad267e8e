import { describe, expect, it } from 'vitest';
import { asRunId } from '../../core/ids.ts';
import { createMemoryObjectStore } from '../../test/fakes/memory-object-store.ts';
import { findRun } from './find-run.ts';
import type { RunInfo, RunsClient } from './runs-client.ts';
import { listStoredRuns, readStoredRun } from './stored-run.ts';

const json = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
const runId = asRunId('digits-20261124-101500-3f9a');
const HASH = 'a'.repeat(64);

async function storeWithRun() {
  const store = createMemoryObjectStore();
  const attempt = (number: number, resumedFromStep: number, reachedStep: number | null) =>
    store.put(
      `runs/${runId}/attempts/${String(number).padStart(6, '0')}.json`,
      json({
        kind: 'graft.attempt/1',
        attempt: number,
        startedAt: '2026-11-24T10:15:00Z',
        host: 'h',
        resumedFromStep,
        reachedStep,
      }),
    );
  await attempt(2, 50, 61);
  await attempt(1, 0, null);
  await attempt(3, 100, 97);
  const counters = {
    step: 50,
    epoch: 1,
    cursor: 0,
    lossSum: 0,
    correct: 0,
    seen: 0,
    bestEpoch: 0,
    best: null,
    last: null,
    epochsWithoutImprovement: 0,
    stopBest: null,
    stopped: false,
  };
  const tensors = { key: 'k', sha256: HASH, sizeBytes: 1000 };
  await store.put(
    `runs/${runId}/checkpoints/000000000050-000001/manifest.json`,
    json({
      kind: 'graft.checkpoint/1',
      runId,
      trainKey: 't',
      attempt: 1,
      createdAt: '2026-11-24T10:16:00Z',
      dataOrderSha256: HASH,
      counters,
      isBest: true,
      tensors,
    }),
  );
  await store.put(`runs/${runId}/checkpoints/000000000100-000001/manifest.json`, new Uint8Array([0x7b]));
  await store.put(`runs/${runId}/run.json`, json({ kind: 'other' }));
  return store;
}

describe('readStoredRun', () => {
  it('counts the steps that each attempt did again, and passes over what is torn', async () => {
    const { attempts, checkpoints, record, report } = await readStoredRun(await storeWithRun(), runId);
    expect(attempts.map(({ attempt, redoneSteps }) => [attempt, redoneSteps])).toEqual([
      [1, 0],
      [2, 11],
      [3, 0],
    ]);
    expect(checkpoints).toEqual([
      { step: 50, epoch: 1, attempt: 1, createdAt: '2026-11-24T10:16:00Z', isBest: true, sizeBytes: 1000 },
    ]);
    expect([record, report]).toEqual([null, null]);
  });

  it('lists ids by prefix', async () => {
    const store = await storeWithRun();
    expect(await listStoredRuns(store, 'dig')).toEqual([runId]);
    expect(await listStoredRuns(store, 'cats')).toEqual([]);
  });
});

const info = (id: string, startedAt: string): RunInfo => ({
  runId: asRunId(id),
  status: 'running',
  startedAt: new Date(startedAt),
  endedAt: null,
  requestedBy: null,
  accuracy: null,
  version: null,
  promoted: false,
});

function clientWith(infos: readonly RunInfo[]): RunsClient {
  const refuse = (): never => {
    throw new Error('not needed here');
  };
  return {
    describe: (id) => Promise.resolve(infos.find((run) => run.runId === id) ?? null),
    list: (limit, prefix = '') => Promise.resolve(infos.filter((run) => run.runId.startsWith(prefix)).slice(0, limit)),
    start: refuse,
    observe: refuse,
    result: refuse,
    cancel: refuse,
    unpolled: refuse,
  };
}

describe('findRun', () => {
  const runs = clientWith([
    info('digits-20261125-080000-0001', '2026-11-25'),
    info('digits-20261125-080000-0002', '2026-11-25'),
    info('cats-20261120-120000-beef', '2026-11-20'),
  ]);

  it('takes a whole id, an unambiguous beginning, or latest', async () => {
    const store = createMemoryObjectStore();
    expect((await findRun('cats-20261120-120000-beef', runs, store)).runId).toBe('cats-20261120-120000-beef');
    expect((await findRun('cats', runs, store)).runId).toBe('cats-20261120-120000-beef');
    expect((await findRun('latest', runs, store)).runId).toBe('digits-20261125-080000-0001');
  });

  it('finds in storage what Temporal has forgotten', async () => {
    expect(await findRun(runId, runs, await storeWithRun())).toEqual({ runId, info: null });
    expect(await findRun('digits-20261124', runs, await storeWithRun())).toEqual({ runId, info: null });
  });

  it.each([
    ['digits-20261125', /^RUN_AMBIGUOUS: digits-20261125 — 2 runs start so: digits-20261125-080000-0001, digits-/],
    ['cats-20261120-120000-bef', /^RUN_NOT_FOUND: .* — did you mean cats-20261120-120000-beef\?$/],
    ["x' OR '1'='1", /^RUN_NOT_FOUND: x' OR/],
    ['UPPER', /^RUN_NOT_FOUND: UPPER — no such run/],
  ])('refuses %s', async (text, message) => {
    await expect(findRun(text, runs, createMemoryObjectStore())).rejects.toThrowError(message);
  });

  it('says that there is no latest', async () => {
    await expect(findRun('latest', clientWith([]), createMemoryObjectStore())).rejects.toThrowError(
      /^RUN_NOT_FOUND: latest/,
    );
  });
});
