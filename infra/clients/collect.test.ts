import { beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { cachedStage, sharedPrefix, stageKey } from '../../activities/lib/stage.ts';
import { StageManifest } from '../../contracts/manifests.ts';
import { createKillSwitch, survives } from '../../test/fakes/kill-switch.ts';
import type { KillSwitch } from '../../test/fakes/kill-switch.ts';
import { createMemoryObjectStore } from '../../test/fakes/memory-object-store.ts';
import type { MemoryObjectStore } from '../../test/fakes/memory-object-store.ts';
import { putBlob } from '../../test/fakes/stage-fixtures.ts';
import { collect, planCollection } from './collect.ts';

const DAY = 86_400_000;
const GRACE = 14 * DAY;
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const Output = z.object({ parts: z.array(z.string()) });
const signal = new AbortController().signal;

/** A store whose time is told by the test, and what is done to it between two operations. */
let nowMs: number;
let kills: KillSwitch;
let between: ((call: string, key: string) => Promise<void>) | null;
let store: MemoryObjectStore;
beforeEach(() => {
  nowMs = Date.UTC(2026, 0, 1);
  kills = createKillSwitch();
  between = null;
  store = createMemoryObjectStore({
    nowMs: () => nowMs,
    before: async (call, key) => {
      await kills.before(call, key);
      await between?.(call, key);
    },
  });
});
const clock = { nowMs: () => nowMs, sleep: () => Promise.resolve() };

/** A run asks for a result: of `train` in parts of its own, of `prepare` in parts that attempts share. */
async function take(stage: 'train' | 'prepare' | 'split', input: string, addressed: object = {}) {
  const addressedBy = { input, ...addressed };
  const ports = { store, clock, signal };
  const answer = await cachedStage({
    ...{ ...ports, stage, codeVersion: 1, addressedBy, output: Output },
    async compute(own) {
      const prefix = stage === 'prepare' ? await sharedPrefix(ports, stage, stageKey(stage, 1, addressedBy)) : own;
      const parts = [
        await putBlob(store, `${prefix}a`, bytes('aaaa')),
        await putBlob(store, `${prefix}b`, bytes('bb')),
      ];
      return { output: { parts: parts.map(({ key }) => key) }, parts };
    },
  });
  const whole = async (): Promise<boolean> => {
    const there = store.keys();
    return answer.output.parts.every((key) => there.includes(key));
  };
  return { ...answer, whole };
}

const rules = (oldestRunMs: number | null = null) => ({ nowMs, graceMs: GRACE, oldestRunMs });
const plan = (oldestRunMs: number | null = null) => planCollection(store, rules(oldestRunMs));
const gc = async (oldestRunMs: number | null = null) => collect(store, await plan(oldestRunMs), () => new Date(nowMs));
const stateOf = async (manifestKey: string) => {
  const manifest = StageManifest.parse(JSON.parse(new TextDecoder().decode((await store.get(manifestKey))?.body)));
  return manifest.collect?.state ?? 'live';
};
const later = (days: number): void => {
  nowMs += days * DAY;
};

describe('a collection', () => {
  it('marks, waits, sweeps, and says how much it removed; the next run makes the result anew', async () => {
    const { manifestKey, whole } = await take('train', 'x');
    later(1);
    expect(await gc()).toMatchObject({ marked: 0, swept: 0 });
    later(14);
    expect(await gc()).toMatchObject({ marked: 1, swept: 0, removedBytes: 0 });
    expect(await stateOf(manifestKey)).toBe('marked');
    later(13);
    expect(await gc()).toMatchObject({ marked: 0, swept: 0 });
    later(1);
    expect(await whole()).toBe(true);
    expect(await gc()).toMatchObject({ marked: 0, swept: 1, removedBytes: 6, leftAlone: 0 });
    expect([await stateOf(manifestKey), await whole()]).toEqual(['swept', false]);
    expect(await gc()).toMatchObject({ marked: 0, swept: 0, removedBytes: 0 });
    const again = await take('train', 'x');
    expect(again).toMatchObject({ cached: false, remade: 'collected' });
    expect(await again.whole()).toBe(true);
    expect(await take('train', 'x')).toMatchObject({ cached: true });
  });

  it('changes nothing by planning', async () => {
    await take('train', 'x');
    later(30);
    const before = store.keys();
    expect([...(await plan()).verdicts.values()]).toEqual(['mark']);
    expect(store.keys()).toEqual(before);
  });

  it('leaves what a run took back', async () => {
    const { manifestKey } = await take('train', 'x');
    later(15);
    await gc();
    later(10);
    expect(await take('train', 'x')).toMatchObject({ cached: true });
    expect(await stateOf(manifestKey)).toBe('live');
    later(10);
    expect(await gc()).toMatchObject({ marked: 0, swept: 0 });
    later(10);
    expect(await gc()).toMatchObject({ marked: 1 });
  });

  it('sweeps nothing that was marked after the oldest run under way had begun', async () => {
    const { whole } = await take('train', 'x');
    later(15);
    const began = nowMs;
    later(1);
    await gc(began);
    later(100);
    expect(await gc(began)).toMatchObject({ swept: 0 });
    expect(await whole()).toBe(true);
    expect(await gc(nowMs)).toMatchObject({ swept: 1 });
  });

  it('keeps what a version, a young report, a schedule or a split speaks of', async () => {
    const [version, report, schedule, old] = [
      await take('train', 'v'),
      await take('train', 'r'),
      await take('train', 's'),
      await take('train', 'o'),
    ];
    const validated = await take('train', 'split');
    await take('split', 'x', { dropped: validated.key });
    const put = (key: string, value: object) => store.put(key, bytes(JSON.stringify(value)));
    await put('models/pets/versions/1/manifest.json', { weights: { key: version.output.parts[0] } });
    await put('schedules/nightly/state.json', { train: schedule.key });
    await put('runs/r-old/report.json', { stages: [{ manifestKey: old.manifestKey }] });
    later(15);
    await put('runs/r-new/report.json', { stages: [{ manifestKey: report.manifestKey }] });
    expect(await gc()).toMatchObject({ marked: 1 });
    expect(await stateOf(old.manifestKey)).toBe('marked');
    for (const kept of [version, report, schedule, validated]) expect(await stateOf(kept.manifestKey)).toBe('live');
  });

  it('takes a mark away where a version speaks of the result since', async () => {
    const { manifestKey, key } = await take('train', 'x');
    later(15);
    await gc();
    await store.put('models/pets/versions/1/manifest.json', bytes(JSON.stringify({ lineage: { trainKey: key } })));
    later(30);
    expect(await gc()).toMatchObject({ restored: 1, swept: 0 });
    expect(await stateOf(manifestKey)).toBe('live');
  });

  it('removes parts that a killed attempt left, but not those of one that may be at work', async () => {
    const { key } = await take('train', 'x');
    const left = `stages/train/${key}/00000000-0000-4000-8000-000000000000/left`;
    await store.put(left, bytes('left'));
    const began = nowMs;
    later(15);
    expect(await gc(began)).toMatchObject({ removedBytes: 0 });
    expect(await gc()).toMatchObject({ removedBytes: 4 });
    expect(store.keys()).not.toContain(left);
  });

  it('touches nothing of a manifest that cannot be read', async () => {
    const { manifestKey, whole } = await take('train', 'x');
    await store.put(manifestKey, bytes('{'));
    later(100);
    expect((await plan()).scan.unreadable).toEqual([manifestKey]);
    expect(await gc()).toMatchObject({ marked: 0, removedBytes: 0 });
    expect(await whole()).toBe(true);
  });
});

/** Results of every kind, marked long ago; `user` speaks of `parts`. */
async function allMarked() {
  const parts = await take('prepare', 'parts');
  const user = await take('train', 'user', { prepared: parts.key });
  const other = await take('train', 'other');
  later(15);
  await gc();
  later(15);
  return { parts, user, other };
}

describe('at every operation of a collection', () => {
  it('a kill leaves what the next collection completes', async () => {
    let killed = 0;
    for (let operations = 0; ; operations++) {
      store = createMemoryObjectStore({ nowMs: () => nowMs, before: (call, key) => kills.before(call, key) });
      const { parts, user, other } = await allMarked();
      kills.arm(operations);
      const survived = await survives(gc());
      kills.disarm();
      await gc();
      for (const each of [parts, user, other]) {
        expect([operations, await stateOf(each.manifestKey), await each.whole()]).toEqual([operations, 'swept', false]);
      }
      expect(store.keys().filter((key) => !key.endsWith('/manifest.json'))).toEqual([]);
      if (survived) break;
      killed++;
    }
    expect(killed).toBeGreaterThan(15);
  });

  let marked: Awaited<ReturnType<typeof allMarked>>;
  /** Collects what is marked while, before the operation `at`, a run does `work`; null where there are fewer operations. */
  async function collectWhile<T>(at: number, work: (parts: string) => Promise<T>): Promise<T | null> {
    store = createMemoryObjectStore({ nowMs: () => nowMs, before: (call, key) => between?.(call, key) });
    marked = await allMarked();
    let [operations, done] = [0, null as T | null];
    between = async () => {
      if (operations++ !== at) return;
      between = null;
      done = await work(marked.parts.key);
    };
    await gc();
    between = null;
    return done;
  }

  type Taken = Awaited<ReturnType<typeof take>>;
  it.each([
    [
      'both',
      async (parts: string) => [await take('prepare', 'parts'), await take('train', 'user', { prepared: parts })],
    ],
    ['the parts', async () => [await take('prepare', 'parts')]],
    ['another', async () => [await take('train', 'other')]],
  ] as const)(
    'a run that takes %s gets it whole, and keeps it',
    async (_, work: (parts: string) => Promise<Taken[]>) => {
      let [at, hits, misses] = [0, 0, 0];
      for (; ; at++) {
        const taken = await collectWhile(at, work);
        if (taken === null) break;
        for (const each of taken) expect([at, await each.whole()]).toEqual([at, true]);
        if (taken[0]?.cached) hits++;
        else misses++;
      }
      // Before it was closed, and after.
      expect([hits, misses].map((count) => count > 3)).toEqual([true, true]);
    },
  );

  it('what a run takes holds on to what it speaks of, where that lay', async () => {
    let hits = 0;
    for (let at = 0; ; at++) {
      const taken = await collectWhile(at, async (parts) => await take('train', 'user', { prepared: parts }));
      if (taken === null) break;
      if (!taken.cached) continue;
      hits++;
      expect([at, await marked.parts.whole()]).toEqual([at, true]);
    }
    expect(hits).toBeGreaterThan(3);
  });
});
