import { beforeEach, expect, it } from 'vitest';
import { createAliasActivities } from '../../activities/promote/change-alias.ts';
import { moveAlias } from '../../activities/promote/move-alias.ts';
import { stageKey, stageManifestKey } from '../../activities/lib/stage.ts';
import { asRunId } from '../../core/ids.ts';
import { createFakeClock } from '../../test/fakes/clock.ts';
import { createMemoryObjectStore } from '../../test/fakes/memory-object-store.ts';
import type { MemoryObjectStore } from '../../test/fakes/memory-object-store.ts';
import { createScriptedMlRunner } from '../../test/fakes/scripted-ml-runner.ts';
import { hashOf, metricsOf, putBlob, putStage, tinyModel } from '../../test/fakes/stage-fixtures.ts';
import { fakePorts } from '../../test/fakes/train-ports.ts';
import { collect, planCollection } from './collect.ts';
import { checkModel } from './ledger.ts';
import { readModel } from './registry.ts';
import { planRetention, retire, unretire } from './retention.ts';
import { changeTags, readNotes } from './version-notes.ts';

const DAY = 86_400_000;
const NOW = Date.UTC(2026, 11, 1);
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const everything = { nowMs: NOW, keepNewest: 0, keepLiveMs: 1, keepYoungMs: 1 };

let store: MemoryObjectStore;
/** Five versions with weights of their own; the champion was 1, 2 and 3, in this order. */
beforeEach(async () => {
  store = createMemoryObjectStore({ nowMs: () => Date.UTC(2026, 0, 1) });
  for (const version of [1, 2, 3, 4, 5]) {
    const key = stageKey('train', 1, { version });
    const weights = await putBlob(store, `stages/train/${key}/${hashOf(`${version}`)}`, bytes(`weights ${version}`));
    await putStage(store, 'train', { version }, { weights }, [weights]);
    const manifest = {
      ...{ kind: 'graft.model-version/1', name: 'pets', version, createdAt: '2026-01-01T00:00:00Z', runId: 'run-1' },
      ...{ weights, model: tinyModel(), metrics: metricsOf(0.9) },
      lineage: {
        dataset: { name: 'd', version: 'v', manifestKey: 'k' },
        ...{ splitKey: 's', prepareKey: 'p', trainKey: key, evaluateKey: 'e', gateKey: hashOf('g'), graftVersion: '1' },
      },
    };
    await store.put(`models/pets/versions/${version}/manifest.json`, bytes(JSON.stringify(manifest)));
  }
  const clock = createFakeClock();
  for (const to of [1, 2, 3]) {
    const evidence = { runId: asRunId('run-1'), rules: [], weightsSha256: hashOf(`weights ${to}`) };
    const who = { action: 'promote' as const, actor: 'ada', reason: 'better' };
    await moveAlias({ store, clock }, { model: 'pets', alias: 'champion', to, ...who, evidence });
  }
});

const free = async (rules = everything) =>
  (await planRetention(store, await readModel(store, 'pets'), rules)).flatMap(({ version, stays }) =>
    stays === null ? [version] : [],
  );
const retireNow = (version: number) =>
  retire(store, 'pets', { version, time: '2026-12-01T00:00:00Z', actor: 'ada', reason: 'old' });
const rollBack = (to: number) =>
  createAliasActivities(fakePorts({ store, dir: '/none', ml: createScriptedMlRunner([]) })).planAliasChange({
    ...{ requestId: 'r', model: 'pets', alias: 'champion', action: 'rollback', to, actor: 'bob', reason: 'worse' },
    ...{ allowClassMapChange: false, skipCheck: true },
  });
const collectTwice = async () => {
  for (const nowMs of [NOW, NOW + 20 * DAY]) {
    const plan = await planCollection(store, { nowMs, graceMs: 14 * DAY, oldestRunMs: null });
    await collect(store, plan, () => new Date(nowMs));
  }
};
const weightsThere = (version: number): boolean =>
  store.keys().includes(`stages/train/${stageKey('train', 1, { version })}/${hashOf(`${version}`)}`);

it('takes the kept exports of a version along when it is retired, and no other’s', async () => {
  for (const version of [4, 5]) await store.put(`models/pets/archives/${version}/onnx-int8-0.tar`, bytes('archive'));
  await retireNow(4);
  expect(store.keys().filter((key) => key.includes('/archives/'))).toEqual(['models/pets/archives/5/onnx-int8-0.tar']);
});

it('retires what neither an alias, nor a rollback, nor a tag needs', async () => {
  expect(await free()).toEqual([1, 4, 5]);
  expect(await free({ ...everything, keepNewest: 1 })).toEqual([1, 4]);
  await changeTags(store, 'pets', 4, { keep: '', stage: 'study' });
  expect(await free()).toEqual([1, 5]);
  await changeTags(store, 'pets', 4, { keep: null });
  expect((await readNotes(store, await readModel(store, 'pets'))).get(4)).toEqual({
    ...{ tags: { stage: 'study' }, retired: false },
  });
  expect(await free()).toEqual([1, 4, 5]);
});

it('lets the weights of a retired version go, and no others; ledger and versions stay whole', async () => {
  await retireNow(1);
  await collectTwice();
  expect([1, 2, 3, 4, 5].map(weightsThere)).toEqual([false, true, true, true, true]);
  expect((await checkModel(store, 'pets')).problems).toEqual([]);
  expect((await readModel(store, 'pets')).versions).toHaveLength(5);
  await store.delete(`stages/train/${stageKey('train', 1, { version: 2 })}/${hashOf('2')}`);
  expect((await checkModel(store, 'pets')).problems).toMatchObject([{ code: 'WEIGHTS_MISSING', where: 'version 2' }]);
});

it('refuses to point an alias at a retired version, and says how to take that back', async () => {
  expect(await rollBack(1)).toEqual({ from: 3, to: 1 });
  await retireNow(1);
  await expect(rollBack(1)).rejects.toThrow(/VERSION_RETIRED: pets version 1 — it was retired on .* --undo 1/);
  await unretire(store, await readModel(store, 'pets'), 1);
  expect(await rollBack(1)).toEqual({ from: 3, to: 1 });
  await retireNow(1);
  await collectTwice();
  await expect(unretire(store, await readModel(store, 'pets'), 1)).rejects.toMatchObject({ code: 'WEIGHTS_GONE' });
  await expect(unretire(store, await readModel(store, 'pets'), 2)).rejects.toMatchObject({ code: 'NOT_RETIRED' });
});

it('keeps the weights of a version that an alias reached all the same', async () => {
  await retireNow(3);
  await collectTwice();
  expect(weightsThere(3)).toBe(true);
});

it('keeps the manifest of a result in one piece for who asks why', async () => {
  const manifestKey = stageManifestKey('train', stageKey('train', 1, { version: 1 }));
  await retireNow(1);
  await collectTwice();
  expect(JSON.parse(new TextDecoder().decode((await store.get(manifestKey))?.body))).toMatchObject({
    ...{ addressedBy: { version: 1 }, parts: [], collect: { state: 'swept' } },
  });
});

it.each([
  ['Stage', 'x', 'TAG_NAME'],
  ['', 'x', 'TAG_NAME'],
  ['stage', 'x'.repeat(257), 'TAG_VALUE'],
])('refuses the tag %j = %s', async (tag, value, code) => {
  await expect(changeTags(store, 'pets', 1, { [tag]: value })).rejects.toMatchObject({ code, kind: 'input' });
});
