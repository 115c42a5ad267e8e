import { describe, expect, it } from 'vitest';
import type { LedgerEntry, ModelAliases } from '../../contracts/registry.ts';
import { checkLedger } from '../../core/promotion/ledger.ts';
import { asRunId } from '../../core/ids.ts';
import { createFakeClock } from '../../test/fakes/clock.ts';
import { createKillSwitch, survives } from '../../test/fakes/kill-switch.ts';
import { createMemoryObjectStore } from '../../test/fakes/memory-object-store.ts';
import type { MemoryObjectStore } from '../../test/fakes/memory-object-store.ts';
import { hashOf } from '../../test/fakes/stage-fixtures.ts';
import { readAliases, readLedgerEntry, readStoredEntry } from '../lib/registry.ts';
import { moveAlias } from './move-alias.ts';
import type { AliasMove } from './move-alias.ts';

type From = Pick<AliasMove, 'from'>;

/** Whether it moved. */
const move = async (store: MemoryObjectStore, to: number, alias = 'champion'): Promise<boolean> =>
  (await outcomeOf(store, to, {}, alias)).kind === 'moved';

const outcomeOf = (store: MemoryObjectStore, to: number, from: From, alias = 'champion') =>
  moveAlias(
    { store, clock: createFakeClock() },
    {
      model: 'digits',
      alias,
      action: 'promote',
      ...from,
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
  expect(value).toMatchObject({ kind: 'graft.aliases/1', aliases: at, ledgerSeq: entries.length });
  expect(value.aliases).toEqual(at);
  const seen = await Promise.all(entries.map(({ seq }) => readStoredEntry(store, 'digits', seq)));
  const verdict = checkLedger(
    seen.map((stored, index) => ({ seq: index + 1, sha256: stored?.sha256 ?? '', move: stored?.entry ?? null })),
    value,
    [],
  );
  expect(verdict).toMatchObject({ problems: [], pending: null, unchained: 0 });
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

describe('fifty promotions decided against the same champion', () => {
  it('have one winner; forty-nine are told who holds the alias', async () => {
    const store = createMemoryObjectStore();
    await move(store, 1000);
    const versions = Array.from({ length: 50 }, (_, index) => index + 1);
    const outcomes = await Promise.all(versions.map((version) => outcomeOf(store, version, { from: 1000 })));
    const entries = await expectConsistent(store);
    expect(entries).toHaveLength(2);
    const winner = entries[1]?.to;
    expect(outcomes.filter(({ kind }) => kind === 'moved')).toHaveLength(1);
    expect(outcomes.filter((outcome) => outcome.kind === 'overtaken' && outcome.holder === winner)).toHaveLength(49);
  });

  it('and killed after any operation, tried again: entered once, or overtaken once', async () => {
    let done = false;
    for (let operations = 0; !done; operations++) {
      const kill = createKillSwitch();
      const store = createMemoryObjectStore({ before: kill.before });
      await move(store, 1);
      kill.arm(operations);
      done = await survives(outcomeOf(store, 2, { from: 1 }));
      kill.disarm();
      const rival = await outcomeOf(store, 3, { from: 1 });
      const again = await outcomeOf(store, 2, { from: 1 });
      const entries = await expectConsistent(store);
      expect(entries).toHaveLength(2);
      expect([entries[1]?.to, rival.kind, again.kind]).toEqual(
        entries[1]?.to === 3 ? [3, 'moved', 'overtaken'] : [2, 'overtaken', 'there'],
      );
    }
  });

  it('tried again after others came: the move is known to have been made', async () => {
    const store = createMemoryObjectStore();
    await outcomeOf(store, 2, { from: null });
    await outcomeOf(store, 3, { from: 2 });
    expect(await outcomeOf(store, 2, { from: null })).toEqual({ kind: 'moved-before' });
    expect(await outcomeOf(store, 4, { from: null })).toEqual({ kind: 'overtaken', holder: 3 });
    await expectConsistent(store);
  });
});

describe('a pointer that was edited by hand', () => {
  const aliasesKey = 'models/digits/aliases.json';
  it.each([
    ['moved', (a: ModelAliases) => ({ ...a, aliases: { champion: 1 } })],
    ['set beyond the ledger', (a: ModelAliases) => ({ ...a, ledgerSeq: 9 })],
    ['given another entry', (a: ModelAliases) => ({ ...a, ledgerSha256: hashOf('x') })],
    ['emptied of its ledger', (a: ModelAliases) => ({ ...a, ledgerSeq: 0, aliases: { canary: 4 } })],
  ] as const)('(%s) is an error that names the way to look, and is left as it is', async (what, edit) => {
    const store = createMemoryObjectStore();
    await move(store, 1);
    await move(store, 2);
    const { value } = await readAliases(store, 'digits');
    const text = JSON.stringify(edit(value));
    if (what === 'emptied of its ledger')
      for (const seq of [1, 2]) await store.delete(`models/digits/ledger/0000000${seq}.json`);
    await store.put(aliasesKey, new TextEncoder().encode(text));
    await expect(move(store, 3)).rejects.toMatchObject({ code: 'REGISTRY_TAMPERED', kind: 'failed' });
    expect((await store.get(aliasesKey))?.body.toString()).toBe(text);
  });
});

describe('a ledger from before the chain', () => {
  it('is gone on with: the chain begins where it is', async () => {
    const store = createMemoryObjectStore();
    const old = {
      ...{ kind: 'graft.ledger/1', seq: 1, time: '2025-01-01T00:00:00.000Z', actor: 'ada', action: 'promote' },
      ...{ alias: 'champion', from: null, to: 1, reason: 'first' },
      evidence: { runId: 'run-1', rules: [], weightsSha256: hashOf('1') },
    };
    const put = (key: string, value: unknown) => store.put(key, new TextEncoder().encode(JSON.stringify(value)));
    await put('models/digits/ledger/00000001.json', old);
    await put('models/digits/aliases.json', { kind: 'graft.aliases/1', aliases: { champion: 1 }, ledgerSeq: 1 });
    expect(await move(store, 2)).toBe(true);
    const first = await readStoredEntry(store, 'digits', 1);
    expect(await readLedgerEntry(store, 'digits', 2)).toMatchObject({ from: 1, previousSha256: first?.sha256 });
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
