import { describe, expect, it } from 'vitest';
import type { RunInfo } from '../../../infra/clients/runs-client.ts';
import { asRunId } from '../../../core/ids.ts';
import { RunIndex } from './run-index.ts';

const run = (number: number, change: Partial<RunInfo> = {}): RunInfo => ({
  ...{ runId: asRunId(`digits-${number}`), status: number % 10 === 0 ? 'failed' : 'completed' },
  ...{ startedAt: new Date(1_700_000_000_000 + number * 1000), endedAt: null, requestedBy: `user${number % 3}` },
  ...{ accuracy: null, version: null, promoted: false, ...change },
});

function index(runs: RunInfo[]) {
  const clock = { nowMs: 0 };
  const scans: (Date | null)[] = [];
  const scan = (since: Date | null) => (scans.push(since), Promise.resolve(runs));
  return { clock, scans, index: new RunIndex({ scan, nowMs: () => clock.nowMs }) };
}

describe('ten thousand runs', () => {
  const all = Array.from({ length: 10_000 }, (_, i) => run(i));
  it('are paged from the newest on, each once, whatever starts meanwhile', async () => {
    const { index: runs, clock } = index(all);
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await runs.page({ limit: 500, cursor });
      seen.push(...page.runs.map(({ runId }) => runId));
      cursor = page.cursor ?? undefined;
      all.push(run(20_000 + seen.length));
      clock.nowMs += 5_000;
    } while (cursor !== undefined);
    expect(seen.slice(0, 2)).toEqual(['digits-9999', 'digits-9998']);
    expect(new Set(seen).size).toBe(10_000);
    expect(seen).toHaveLength(10_000);
  });
  it('are sifted by status and by words', async () => {
    const { index: runs } = index(all.slice(0, 10_000));
    expect(await runs.page({ limit: 1, status: 'failed' })).toMatchObject({ total: 1000, cursor: expect.any(String) });
    expect((await runs.page({ limit: 5, search: 'DIGITS-777 ' })).total).toBe(11);
    expect((await runs.page({ limit: 5, search: 'user2' })).total).toBe(3333);
    expect(await runs.page({ limit: 5, search: 'nobody' })).toEqual({ runs: [], total: 0, cursor: null });
  });
  it('are asked for whole once, and then only what is new', async () => {
    const { index: runs, scans, clock } = index(all.slice(0, 3));
    await Promise.all([runs.all(), runs.all()]);
    clock.nowMs = 500;
    await runs.all();
    clock.nowMs = 60_000;
    await runs.all();
    expect(scans).toEqual([null, new Date(-30_000)]);
  });
  it('a resumed run is its last execution', async () => {
    const { index: runs } = index([
      run(1, { startedAt: new Date(5), status: 'running' }),
      run(1, { startedAt: new Date(3), status: 'failed' }),
    ]);
    expect((await runs.page({ limit: 5 })).runs).toMatchObject([{ status: 'running' }]);
  });
  it('a scan that fails is tried again', async () => {
    let away = true;
    const scan = () => (away ? Promise.reject(new Error('away')) : Promise.resolve([run(1)]));
    const runs = new RunIndex({ scan, nowMs: () => 0 });
    await expect(runs.all()).rejects.toThrowError('away');
    away = false;
    expect(await runs.all()).toHaveLength(1);
  });
});
