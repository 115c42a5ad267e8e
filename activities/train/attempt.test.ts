import { describe, expect, it } from 'vitest';
import { asRunId } from '../../core/ids.ts';
import { createFakeClock } from '../../test/fakes/clock.ts';
import { createMemoryObjectStore } from '../../test/fakes/memory-object-store.ts';
import type { MemoryObjectStore } from '../../test/fakes/memory-object-store.ts';
import { claimAttempt, listAttempts, refuseStale } from './attempt.ts';

const RUN = asRunId('digits-1');
const portsOn = (store: MemoryObjectStore) => ({ store, clock: createFakeClock(), host: 'a' });
const fresh = { resumedFromStep: 0, reachedStep: null };

/** Attempts one after the other: each starts from `from` and dies after `reached`, which the next one finds on the disk. */
async function dieAt(store: MemoryObjectStore, deaths: readonly (readonly [from: number, reached: number | null])[]) {
  let reachedStep: number | null = null;
  for (const [resumedFromStep, reached] of deaths) {
    await claimAttempt(portsOn(store), RUN, { resumedFromStep, reachedStep });
    reachedStep = reached;
  }
  return reachedStep;
}

describe('attempts', () => {
  it('count up, and another run has its own', async () => {
    const store = createMemoryObjectStore();
    for (const expected of [1, 2, 3]) {
      expect((await claimAttempt(portsOn(store), RUN, fresh)).attempt).toBe(expected);
    }
    expect((await claimAttempt(portsOn(store), asRunId('digits-10'), fresh)).attempt).toBe(1);
    expect((await listAttempts(store, RUN)).map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
  });

  it('that race get a number each, at the same millisecond on the same host too', async () => {
    const store = createMemoryObjectStore();
    const claims = await Promise.all(Array.from({ length: 20 }, () => claimAttempt(portsOn(store), RUN, fresh)));
    const numbers = claims.map(({ attempt }) => attempt).sort((a, b) => a - b);
    expect(numbers).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
  });

  it('fence off every earlier one, not the newest', async () => {
    const store = createMemoryObjectStore();
    for (let claims = 0; claims < 3; claims++) await claimAttempt(portsOn(store), RUN, fresh);
    for (const attempt of [1, 2]) {
      await expect(refuseStale(store, RUN, attempt)).rejects.toMatchObject({ code: 'STALE_ATTEMPT', kind: 'failed' });
    }
    await expect(refuseStale(store, RUN, 3)).resolves.toBeUndefined();
  });

  it('go on where a record is damaged: its number stays taken', async () => {
    const store = createMemoryObjectStore();
    for (let claims = 0; claims < 2; claims++) await claimAttempt(portsOn(store), RUN, fresh);
    const [first = '', second = ''] = store.keys();
    await store.put(first, new TextEncoder().encode('{"kind"'));
    store.corrupt(second, (body) => body.slice(1));
    expect((await claimAttempt(portsOn(store), RUN, fresh)).attempt).toBe(3);
    expect((await listAttempts(store, RUN)).map(({ attempt }) => attempt)).toEqual([3]);
  });
});

describe('a hopeless training', () => {
  const hopeless = { code: 'TRAIN_HOPELESS', kind: 'failed' };
  const claim = (store: MemoryObjectStore, resumedFromStep: number, reachedStep: number | null) =>
    claimAttempt(portsOn(store), RUN, { resumedFromStep, reachedStep });

  it('is given up after five attempts in a row that finished no step', async () => {
    const store = createMemoryObjectStore();
    const reached = await dieAt(store, [
      [40, 40],
      [40, 40],
      [40, 40],
      [40, 40],
      [40, 40],
    ]);
    await expect(claim(store, 40, reached)).rejects.toMatchObject(hopeless);
    expect(await listAttempts(store, RUN)).toHaveLength(5);
  });

  it('is not given up after four', async () => {
    const store = createMemoryObjectStore();
    const reached = await dieAt(store, [
      [40, 40],
      [40, 40],
      [40, 40],
      [40, 40],
    ]);
    await expect(claim(store, 40, reached)).resolves.toMatchObject({ attempt: 5 });
  });

  it('is not given up where one of them got further, the newest included', async () => {
    for (let lucky = 0; lucky < 5; lucky++) {
      const store = createMemoryObjectStore();
      const deaths = [0, 1, 2, 3, 4].map((index) => [40, index === lucky ? 43 : 40] as const);
      const reached = await dieAt(store, deaths);
      await expect(claim(store, 40, reached)).resolves.toMatchObject({ attempt: 6 });
    }
  });

  it('gets new chances where a person resumes the run', async () => {
    const store = createMemoryObjectStore();
    const at = { resumedFromStep: 7, reachedStep: 7 };
    for (let deaths = 0; deaths < 5; deaths++) {
      await claimAttempt(portsOn(store), RUN, { ...at, executionId: 'first' });
    }
    await expect(claimAttempt(portsOn(store), RUN, { ...at, executionId: 'first' })).rejects.toMatchObject(hopeless);
    await expect(claimAttempt(portsOn(store), RUN, { ...at, executionId: 'resumed' })).resolves.toMatchObject({
      attempt: 6,
    });
  });

  it('is not given up where nobody knows how far they got (another machine), or they began elsewhere', async () => {
    const elsewhere = createMemoryObjectStore();
    const unknown = await dieAt(elsewhere, [
      [40, null],
      [40, null],
      [40, null],
      [40, null],
      [40, null],
    ]);
    await expect(claim(elsewhere, 40, unknown)).resolves.toMatchObject({ attempt: 6 });
    const moving = createMemoryObjectStore();
    const reached = await dieAt(moving, [
      [0, 0],
      [10, 10],
      [20, 20],
      [30, 30],
      [40, 40],
    ]);
    await expect(claim(moving, 40, reached)).resolves.toMatchObject({ attempt: 6 });
  });
});
