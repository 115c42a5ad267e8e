import { describe, expect, it } from 'vitest';
import { moveAlias } from '../../activities/promote/move-alias.ts';
import { asRunId } from '../../core/ids.ts';
import { createFakeClock } from '../../test/fakes/clock.ts';
import { createMemoryObjectStore } from '../../test/fakes/memory-object-store.ts';
import type { MemoryObjectStore } from '../../test/fakes/memory-object-store.ts';
import { hashOf, metricsOf, tinyModel } from '../../test/fakes/stage-fixtures.ts';
import { liveAt } from '../../core/promotion/ledger.ts';
import { checkModel, entriesOf, readLedger } from './ledger.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const entryKey = (seq: number): string => `models/pets/ledger/${String(seq).padStart(8, '0')}.json`;
const versionKey = (version: number): string => `models/pets/versions/${version}/manifest.json`;
const ALIASES = 'models/pets/aliases.json';

/** Three versions, champion 1 → 2 → 3 → 1 and a canary. */
async function registry(): Promise<MemoryObjectStore> {
  const store = createMemoryObjectStore();
  const clock = createFakeClock();
  for (const version of [1, 2, 3]) {
    const weights = bytes(`weights ${version}`);
    await store.put(`weights/${version}`, weights);
    const manifest = {
      ...{ kind: 'graft.model-version/1', name: 'pets', version, createdAt: '2026-01-01T00:00:00Z', runId: 'run-1' },
      weights: { key: `weights/${version}`, sha256: hashOf(weights), sizeBytes: weights.length },
      ...{ model: tinyModel(), metrics: metricsOf(0.9) },
      lineage: {
        dataset: { name: 'd', version: 'v', manifestKey: 'k' },
        ...{ splitKey: 's', prepareKey: 'p', trainKey: 't', evaluateKey: 'e', gateKey: 'g', graftVersion: '1' },
      },
    };
    await store.put(versionKey(version), bytes(JSON.stringify(manifest)));
  }
  for (const [alias, to] of [
    ['champion', 1],
    ['champion', 2],
    ['canary', 3],
    ['champion', 3],
    ['champion', 1],
  ] as const) {
    clock.advance(60_000);
    const weightsSha256 = hashOf(bytes(`weights ${to}`));
    const evidence = { runId: asRunId('run-1'), rules: [], weightsSha256 };
    const move = { model: 'pets', alias, to, action: 'promote' as const, actor: 'ada', reason: 'better', evidence };
    await moveAlias({ store, clock }, move);
  }
  return store;
}

async function edit(store: MemoryObjectStore, key: string, from: string | RegExp, to: string): Promise<void> {
  const text = (await store.get(key))!.body.toString();
  const edited = text.replace(from, to);
  expect(edited).not.toBe(text);
  await store.put(key, bytes(edited));
}

type Tampering = readonly [what: string, code: string, change: (store: MemoryObjectStore) => Promise<unknown>];

const tamperings: readonly Tampering[] = [
  ['an entry leads elsewhere', 'LEDGER_CHAIN', (store) => edit(store, entryKey(2), '"to":2', '"to":3')],
  ['an entry has another actor', 'LEDGER_CHAIN', (store) => edit(store, entryKey(1), 'ada', 'eve')],
  ['an entry has another time', 'LEDGER_TIME', (store) => edit(store, entryKey(2), '"time":"2026', '"time":"2027')],
  ['an entry in the middle is gone', 'LEDGER_GAP', (store) => store.delete(entryKey(3))],
  ['the last entry is cut off', 'LEDGER_CUT', (store) => store.delete(entryKey(5))],
  ['the last entry has another reason', 'LEDGER_CHANGED', (store) => edit(store, entryKey(5), 'better', 'newer')],
  [
    'two entries changed places',
    'LEDGER_NUMBER',
    async (store) => {
      const [second, third] = [(await store.get(entryKey(2)))!.body, (await store.get(entryKey(3)))!.body];
      await store.put(entryKey(2), third);
      await store.put(entryKey(3), second);
    },
  ],
  [
    'the chain was taken out of an entry',
    'LEDGER_CHAIN',
    (store) => edit(store, entryKey(4), /"previousSha256":"[0-9a-f]+",/, ''),
  ],
  [
    'an entry was put in behind the others',
    'ALIASES_BEHIND',
    async (store) => {
      const fifth = (await store.get(entryKey(5)))!.body.toString();
      for (const seq of [6, 7]) await store.put(entryKey(seq), bytes(fifth.replace('"seq":5', `"seq":${seq}`)));
    },
  ],
  ['an entry is no JSON any more', 'LEDGER_UNREADABLE', (store) => store.put(entryKey(2), bytes('{"kind'))],
  ['an alias was moved by hand', 'ALIAS_MOVED', (store) => edit(store, ALIASES, '"champion":1', '"champion":2')],
  ['an alias was added by hand', 'ALIAS_MOVED', (store) => edit(store, ALIASES, '"aliases":{', '"aliases":{"x":2,')],
  ['the aliases are gone', 'ALIASES_MISSING', (store) => store.delete(ALIASES)],
  [
    'the aliases stand beyond the ledger',
    'LEDGER_CUT',
    (store) => edit(store, ALIASES, '"ledgerSeq":5', '"ledgerSeq":8'),
  ],
  ['a version has better figures', 'VERSION_CHANGED', (store) => edit(store, versionKey(2), '0.9', '0.99')],
  ['a version is gone', 'VERSION_MISSING', (store) => store.delete(versionKey(1))],
  ['weights are gone', 'WEIGHTS_MISSING', (store) => store.delete('weights/3')],
  ['weights are cut', 'WEIGHTS_CHANGED', (store) => store.put('weights/1', bytes('weights'))],
  ['weights are flipped', 'WEIGHTS_CHANGED', (store) => store.put('weights/1', bytes('weights 7'))],
];

describe('models verify', () => {
  it('finds nothing where nothing was changed', async () => {
    expect(await checkModel(await registry(), 'pets')).toMatchObject({
      problems: [],
      aliases: { champion: 1, canary: 3 },
      ...{ pending: null, entries: 5, versions: 3, unchained: 0 },
    });
  });

  it.each(tamperings)('finds that %s (%s)', async (_, code, change) => {
    const store = await registry();
    await change(store);
    const { problems } = await checkModel(store, 'pets');
    expect(problems.map((problem) => problem.code)).toContain(code);
  });

  it('finds a ledger that was written anew as a whole, by the head that was noted', async () => {
    const { head } = await checkModel(await registry(), 'pets');
    const forged = createMemoryObjectStore();
    const evidence = { runId: asRunId('run-1'), rules: [], weightsSha256: hashOf(bytes('weights 1')) };
    const move = { model: 'pets', alias: 'champion', to: 1, action: 'promote' as const, actor: 'eve', reason: '' };
    await moveAlias({ store: forged, clock: createFakeClock() }, { ...move, evidence });
    const { problems } = await checkModel(forged, 'pets', { knownHead: head ?? '' });
    expect(problems.map(({ code }) => code)).toContain('LEDGER_REWRITTEN');
  });

  it('knows a promotion that was killed before its pointer moved from a change', async () => {
    const store = await registry();
    const before = (await store.get(ALIASES))!.body;
    const evidence = { runId: asRunId('run-1'), rules: [], weightsSha256: hashOf(bytes('weights 2')) };
    const move = { model: 'pets', alias: 'champion', to: 2, action: 'promote' as const, actor: 'ada', reason: '' };
    await moveAlias({ store, clock: createFakeClock() }, { ...move, evidence });
    await store.put(ALIASES, before);
    expect(await checkModel(store, 'pets')).toMatchObject({ problems: [], pending: 6, aliases: { champion: 2 } });
  });
});

describe('who was live', () => {
  it.each([
    ['2025-12-31T23:59:59Z', 'champion', null],
    ['2026-01-01T00:01:00Z', 'champion', 1],
    ['2026-01-01T00:02:30Z', 'champion', 2],
    ['2026-01-01T00:02:30Z', 'canary', null],
    ['2026-01-01T00:04:00Z', 'champion', 3],
    ['2030-01-01T00:00:00Z', 'champion', 1],
  ])('at %s as %s: %s', async (at, alias, version) => {
    const entries = entriesOf(await readLedger(await registry(), 'pets'));
    expect(liveAt(entries, alias, Date.parse(at))?.to ?? null).toBe(version);
  });
});
