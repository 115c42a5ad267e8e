import { describe, expect, it } from 'vitest';
import type { LedgerEntry } from '../../contracts/registry.ts';
import { asRunId } from '../../core/ids.ts';
import { createFakeClock } from '../../test/fakes/clock.ts';
import { createKillSwitch, survives } from '../../test/fakes/kill-switch.ts';
import { createMemoryObjectStore } from '../../test/fakes/memory-object-store.ts';
import type { MemoryObjectStore } from '../../test/fakes/memory-object-store.ts';
import { hashOf } from '../../test/fakes/stage-fixtures.ts';
import { readAliases, readLedgerEntry } from '../lib/registry.ts';
import { moveAlias } from './move-alias.ts';

const move = (store: MemoryObjectStore, to: number, alias = 'champion'): Promise<boolean> =>
  moveAlias(
    { store, clock: createFakeClock() },
    {
      model: 'digits',
      alias,
      to,
      actor: 'ada',
      reason: `version ${to} is better`,
      evidence: { runId: asRunId(`run-${to}`), rules: [], weightsSha256: hashOf(String(to)) },
    },
  );

async function ledgerOf(store: MemoryObjectStore): Promise<LedgerEntry[]> {
  const entries: LedgerEntry[] = [];
  for (;;) {
    const entry = await readLedgerEntry(store, 'digits', entries.length + 1);
    if (!entry) break;
    entries.push(entry);
  }
  // No gap: what lies there is what can be counted through.
  expect(store.keys().filter((key) => key.includes('/ledger/'))).toHaveLength(entries.length);
  return entries;
}

/** Every entry begins where the one before it ended, and the pointers are where the last ones led. */
async function expectConsistent(store: MemoryObjectStore): Promise<LedgerEntry[]> {
  const entries = await ledgerOf(store);
  const at: Record<string, number> = {};
  for (const [index, { seq, alias, from, to }] of entries.entries()) {
    expect(seq).toBe(index + 1);
    expect(from).toBe(at[alias] ?? null);
    expect(to).not.toBe(from);
    at[alias] = to;
  }
  const { value } = await readAliases(store, 'digits');
  expect(value).toEqual({ kind: 'graft.aliases/1', aliases: at, ledgerSeq: entries.length });
  return entries;
}

describe('an alias', () => {
  it('moves, with who, when, from where and why', async () => {
    const store = createMemoryObjectStore();
    expect(await move(store, 1)).toBe(true);
    expect(await move(store, 2)).toBe(true);
    const entries = await expectConsistent(store);
    expect(entries).toMatchObject([
      { from: null, to: 1, alias: 'champion', action: 'promote' },
      {
        from: 1,
        to: 2,
        actor: 'ada',
        reason: 'version 2 is better',
        time: '2026-01-01T00:00:00.000Z',
        evidence: { runId: 'run-2', weightsSha256: hashOf('2') },
      },
    ]);
  });

  it('that is there already does not move, and leaves no entry', async () => {
    const store = createMemoryObjectStore();
    await move(store, 1);
    expect(await move(store, 1)).toBe(false);
    expect(await expectConsistent(store)).toHaveLength(1);
  });

  it('moves by itself: others of the model stay', async () => {
    const store = createMemoryObjectStore();
    for (const [to, alias] of [
      [1, 'champion'],
      [2, 'canary'],
      [3, 'champion'],
    ] as const) {
      await move(store, to, alias);
    }
    expect((await readAliases(store, 'digits')).value.aliases).toEqual({ champion: 3, canary: 2 });
    await expectConsistent(store);
  });
});

describe('fifty promotions at once', () => {
  it('are fifty transitions one after the other, each with one winner', async () => {
    const store = createMemoryObjectStore();
    const versions = Array.from({ length: 50 }, (_, index) => index + 1);
    const moved = await Promise.all(versions.map((version) => move(store, version)));
    expect(moved).toEqual(versions.map(() => true));
    const entries = await expectConsistent(store);
    expect(entries.map(({ to }) => to).sort((a, b) => a - b)).toEqual(versions);
  });

  it('to the same version are one transition', async () => {
    const store = createMemoryObjectStore();
    await Promise.all(Array.from({ length: 50 }, () => move(store, 7)));
    expect(await expectConsistent(store)).toMatchObject([{ from: null, to: 7 }]);
  });
});

describe('a slow promotion', () => {
  it('does not set the pointer back: what others moved meanwhile stands', async () => {
    for (const first of [1, 2]) {
      let release: () => void = () => undefined;
      const held = new Promise<void>((resolve) => {
        release = resolve;
      });
      let holds = true;
      const store = createMemoryObjectStore({
        before: async (call, key) => {
          if (!call.startsWith('put') || !key.endsWith('aliases.json') || !holds) return;
          if (first === 2 && !store.keys().includes(key)) return;
          holds = false;
          await held;
        },
      });
      if (first === 2) await move(store, 1);
      const slow = move(store, 10);
      while (holds) await new Promise((resolve) => setImmediate(resolve));
      await move(store, 11);
      await move(store, 12);
      release();
      expect(await slow).toBe(true);
      const entries = await expectConsistent(store);
      expect(entries.slice(-3).map(({ to }) => to)).toEqual([10, 11, 12]);
    }
  });
});

describe('a promotion that is killed', () => {
  it('after any operation leaves a ledger that the next one agrees with', async () => {
    for (const next of [1, 2, 3]) {
      let done = false;
      for (let operations = 0; !done; operations++) {
        const kill = createKillSwitch();
        const store = createMemoryObjectStore({ before: kill.before });
        await move(store, 1);
        kill.arm(operations);
        done = await survives(move(store, 2));
        kill.disarm();
        await move(store, next);
        const entries = await expectConsistent(store);
        expect(entries.at(-1)?.to).toBe(next);
      }
    }
  });

  it('and tried again is in the ledger once', async () => {
    let done = false;
    for (let operations = 0; !done; operations++) {
      const kill = createKillSwitch();
      const store = createMemoryObjectStore({ before: kill.before });
      kill.arm(operations);
      done = await survives(move(store, 1));
      kill.disarm();
      await move(store, 1);
      expect(await expectConsistent(store)).toHaveLength(1);
    }
  });

  it('at every operation while others promote loses nothing of theirs', async () => {
    for (let operations = 0; operations < 8; operations++) {
      const kill = createKillSwitch();
      const shared = createMemoryObjectStore();
      const dying = { ...shared, ...killable(shared, kill.before) };
      kill.arm(operations);
      await Promise.all([survives(move(dying, 100)), ...[1, 2, 3, 4].map((version) => move(shared, version))]);
      await move(shared, 5);
      const entries = await expectConsistent(shared);
      expect(entries.map(({ to }) => to)).toEqual(expect.arrayContaining([1, 2, 3, 4, 5]));
    }
  });
});

/** The reads and writes of a registry on `store`, each behind the switch: one process of several on a store. */
function killable(
  store: MemoryObjectStore,
  before: ReturnType<typeof createKillSwitch>['before'],
): Pick<MemoryObjectStore, 'get' | 'putIfAbsent' | 'putIfMatch'> {
  return {
    get: async (key, options) => {
      await before('get', key);
      return store.get(key, options);
    },
    putIfAbsent: async (key, body, options) => {
      await before('putIfAbsent', key);
      return store.putIfAbsent(key, body, options);
    },
    putIfMatch: async (key, body, etag, options) => {
      await before('putIfMatch', key);
      return store.putIfMatch(key, body, etag, options);
    },
  };
}

describe('a registry that is damaged', () => {
  it.each(['{"kind', '{"kind":"graft.aliases/9","aliases":{},"ledgerSeq":0}'])(
    '(%s) is an error, never overwritten',
    async (text) => {
      const store = createMemoryObjectStore();
      await move(store, 1);
      await store.put('models/digits/aliases.json', new TextEncoder().encode(text));
      await expect(move(store, 2)).rejects.toMatchObject({ code: 'REGISTRY_FORMAT', kind: 'failed' });
      expect((await store.get('models/digits/aliases.json'))?.body.toString()).toBe(text);
      expect(await ledgerOf(store)).toHaveLength(1);
    },
  );
});
