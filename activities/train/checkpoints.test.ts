import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { readdir, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { StagedCheckpoint } from '../../contracts/ml-protocol.ts';
import { transientError } from '../../core/errors.ts';
import { asRunId, asSha256 } from '../../core/ids.ts';
import { createLocalFiles } from '../../infra/local-files.ts';
import { createFakeClock } from '../../test/fakes/clock.ts';
import { createKillSwitch, survives } from '../../test/fakes/kill-switch.ts';
import { createMemoryObjectStore } from '../../test/fakes/memory-object-store.ts';
import type { MemoryObjectStore } from '../../test/fakes/memory-object-store.ts';
import { stageAt } from '../../test/fakes/staged-checkpoint.ts';
import { claimAttempt } from './attempt.ts';
import { commitCheckpoint, findResumePoint, listCheckpoints, pruneCheckpoints, pruneStaged } from './checkpoints.ts';
import type { CheckpointIdentity } from './checkpoints.ts';

const identity: CheckpointIdentity = {
  runId: asRunId('digits-1'),
  trainKey: 'a'.repeat(64),
  dataOrderSha256: asSha256('b'.repeat(64)),
};
const unstopped = new AbortController().signal;
let dir = '';
let disks = 0;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'graft-checkpoints-'));
});
afterEach(() => {
  rmSync(dir, { recursive: true });
});

const commit = (store: MemoryObjectStore, staged: StagedCheckpoint, attempt = 1): Promise<string> =>
  commitCheckpoint({ store, clock: createFakeClock() }, identity, attempt, staged, unstopped);

/** What a machine that has never seen this run would resume from: nothing cached, nothing staged. */
async function resumeElsewhere(store: MemoryObjectStore, stagedDir = join(dir, 'nothing')) {
  const skipped: string[] = [];
  const files = createLocalFiles({ store, dir: join(dir, `disk-${disks++}`) });
  const point = await findResumePoint({ store, files }, identity, stagedDir, (key) => skipped.push(key));
  if (point) expect(createHash('sha256').update(readFileSync(point.path)).digest('hex')).toBe(point.sha256);
  return { step: point?.counters.step ?? null, point, skipped };
}

const manifestsIn = (store: MemoryObjectStore): string[] => store.keys().filter((key) => key.endsWith('manifest.json'));

describe('a checkpoint', () => {
  it('that is committed is found, whole', async () => {
    const store = createMemoryObjectStore();
    expect(await resumeElsewhere(store)).toMatchObject({ step: null });
    const staged = await stageAt(dir, 50);
    const key = await commit(store, staged);
    expect(key).toBe('runs/digits-1/checkpoints/000000000050-000001/manifest.json');
    const { point } = await resumeElsewhere(store);
    expect(point).toMatchObject({ sha256: staged.sha256, counters: staged.counters });
    expect(readFileSync(point!.path)).toEqual(readFileSync(staged.path));
  });

  it('torn at any step of its writing does not exist; the one before is taken', async () => {
    const [older, newer] = [await stageAt(dir, 50), await stageAt(dir, 100)];
    let whole = false;
    let operations = 0;
    for (; !whole; operations++) {
      const kill = createKillSwitch();
      const store = createMemoryObjectStore({ before: kill.before });
      await commit(store, older);
      kill.arm(operations);
      whole = await survives(commit(store, newer));
      kill.disarm();
      const { point, skipped } = await resumeElsewhere(store);
      expect(point).toMatchObject(whole ? newer.counters && { sha256: newer.sha256 } : { sha256: older.sha256 });
      expect(skipped).toEqual([]);
      expect(manifestsIn(store)).toHaveLength(whole ? 2 : 1);
      // The attempt after the kill writes the same step again: nothing is in its way.
      await commit(store, newer, 2);
      expect((await resumeElsewhere(store)).step).toBe(100);
    }
    expect(operations).toBeGreaterThan(3);
  });

  it('whose bytes were damaged, cut or lost is skipped for the one before, and told', async () => {
    const damages: ((store: MemoryObjectStore, key: string) => Promise<void> | void)[] = [
      (store, key) =>
        store.corrupt(key, (body) => body.map((byte, index) => (index === body.length - 1 ? byte ^ 1 : byte))),
      (store, key) => store.corrupt(key, (body) => body.slice(0, -1)),
      (store, key) => store.put(key, new Uint8Array(7)).then(() => undefined),
      (store, key) => store.delete(key),
    ];
    for (const damage of damages) {
      const store = createMemoryObjectStore();
      for (const step of [50, 100]) await commit(store, await stageAt(dir, step));
      const blob = store.keys().find((key) => key.includes('100-') && key.endsWith('.safetensors'))!;
      await damage(store, blob);
      const { step, skipped } = await resumeElsewhere(store);
      expect(step).toBe(50);
      expect(skipped).toEqual([blob.replace(/[^/]*$/, 'manifest.json')]);
    }
  });

  it('whose manifest was damaged, cut or overwritten is skipped for the one before', async () => {
    const damages: ((store: MemoryObjectStore, key: string) => Promise<unknown> | void)[] = [
      (store, key) => store.corrupt(key, (body) => body.map((byte, index) => (index === 20 ? byte ^ 1 : byte))),
      (store, key) => store.put(key, new TextEncoder().encode('{"kind":"graft.checkpoint/1","run')),
      (store, key) => store.put(key, new TextEncoder().encode('{"kind":"graft.checkpoint/9"}')),
      (store, key) => store.put(key, Uint8Array.of(0xff, 0xfe)),
    ];
    for (const damage of damages) {
      const store = createMemoryObjectStore();
      for (const step of [50, 100]) await commit(store, await stageAt(dir, step));
      await damage(store, manifestsIn(store)[1]!);
      expect((await resumeElsewhere(store)).step).toBe(50);
    }
  });

  it('is not given up because the network is: that must not cost progress', async () => {
    let down = false;
    const store = createMemoryObjectStore({
      before: (call) => {
        if (down && call === 'getFile') throw transientError('STORE_UNREACHABLE', 'memory', 'no answer');
      },
    });
    for (const step of [50, 100]) await commit(store, await stageAt(dir, step));
    down = true;
    await expect(resumeElsewhere(store)).rejects.toMatchObject({ code: 'STORE_UNREACHABLE' });
  });

  it('of another training, data order or run is none', async () => {
    const store = createMemoryObjectStore();
    const staged = await stageAt(dir, 50);
    const ports = { store, clock: createFakeClock() };
    const others = [
      { ...identity, trainKey: 'c'.repeat(64) },
      { ...identity, dataOrderSha256: asSha256('d'.repeat(64)) },
      { ...identity, runId: asRunId('digits-10') },
    ];
    for (const [index, other] of others.entries()) await commitCheckpoint(ports, other, index + 1, staged, unstopped);
    expect((await resumeElsewhere(store)).step).toBeNull();
  });
});

describe('a stale attempt', () => {
  it('can’t write a checkpoint once a later one has claimed the run', async () => {
    const store = createMemoryObjectStore();
    const ports = { store, clock: createFakeClock(), host: 'a' };
    const claim = () => claimAttempt(ports, identity.runId, { resumedFromStep: 0, reachedStep: null });
    const [zombie, successor] = [await claim(), await claim()];
    await expect(commit(store, await stageAt(dir, 50), zombie.attempt)).rejects.toMatchObject({
      code: 'STALE_ATTEMPT',
      kind: 'failed',
    });
    expect(manifestsIn(store)).toEqual([]);
    await commit(store, await stageAt(dir, 50), successor.attempt);
    expect((await resumeElsewhere(store)).step).toBe(50);
  });

  it('is told where two trainers hold one number', async () => {
    const store = createMemoryObjectStore();
    await commit(store, await stageAt(dir, 50, { salt: 1 }));
    await expect(commit(store, await stageAt(dir, 50, { salt: 2 }))).rejects.toMatchObject({ code: 'STALE_ATTEMPT' });
  });
});

describe('a local checkpoint', () => {
  it('that never reached the store is resumed from, if it is the furthest', async () => {
    const store = createMemoryObjectStore();
    const staged = join(dir, 'staged');
    await commit(store, await stageAt(dir, 50));
    await stageAt(staged, 40);
    expect((await resumeElsewhere(store, staged)).step).toBe(50);
    const further = await stageAt(staged, 60);
    expect((await resumeElsewhere(store, staged)).point).toMatchObject({ path: further.path, counters: { step: 60 } });
    expect((await resumeElsewhere(createMemoryObjectStore(), staged)).step).toBe(60);
  });

  it('after an epoch’s end is further than the same step before it', async () => {
    const store = createMemoryObjectStore();
    const staged = join(dir, 'staged');
    await commit(store, await stageAt(dir, 50, { epoch: 1 }));
    await stageAt(staged, 50, { epoch: 2 });
    expect((await resumeElsewhere(store, staged)).point?.counters.epoch).toBe(2);
  });

  it('torn at any byte, or half named, is never used', async () => {
    const staged = join(dir, 'staged');
    await stageAt(staged, 40);
    const { path, sizeBytes } = await stageAt(staged, 60);
    const bytes = readFileSync(path);
    const store = createMemoryObjectStore();
    for (let kept = 0; kept < sizeBytes; kept += 7) {
      await writeFile(path, bytes);
      await truncate(path, kept);
      expect((await resumeElsewhere(store, staged)).step).toBe(40);
    }
    await writeFile(path, bytes.with(sizeBytes - 1, bytes[sizeBytes - 1]! ^ 1));
    expect((await resumeElsewhere(store, staged)).step).toBe(40);
    rmSync(path);
    await writeFile(join(staged, '000000000060-000000.part'), bytes);
    await writeFile(join(staged, '000000000060-000000.part.5d1a.tmp'), bytes);
    expect((await resumeElsewhere(store, staged)).step).toBe(40);
  });

  it('is removed once a later one is in the store; the newest stays for a trainer that starts anew', async () => {
    const staged = join(dir, 'staged');
    const all = [await stageAt(staged, 40), await stageAt(staged, 50), await stageAt(staged, 60)];
    await pruneStaged(staged, all[1]!.path);
    expect((await readdir(staged)).map((name) => Number(name.slice(0, 12)))).toEqual([50, 60]);
  });
});

describe('pruning', () => {
  const policy = { keepLast: 2, keepBest: true };
  const bestAt = new Set([20, 30]);
  async function five(store: MemoryObjectStore): Promise<void> {
    for (const step of [10, 20, 30, 40, 50]) {
      await commit(store, await stageAt(dir, step, { isBest: bestAt.has(step) }));
    }
  }
  const stepsIn = async (store: MemoryObjectStore): Promise<number[]> =>
    (await listCheckpoints(store, identity)).map(({ step }) => step);

  it('keeps the last ones and the best, and leaves no tensors without a manifest', async () => {
    const store = createMemoryObjectStore();
    await five(store);
    await pruneCheckpoints(store, identity, policy);
    expect(await stepsIn(store)).toEqual([50, 40, 30]);
    expect(store.keys()).toHaveLength(6);
  });

  it('killed after any operation leaves only whole checkpoints, the kept ones among them', async () => {
    let done = false;
    for (let operations = 0; !done; operations++) {
      const kill = createKillSwitch();
      const store = createMemoryObjectStore({ before: kill.before });
      await five(store);
      kill.arm(operations);
      done = await survives(pruneCheckpoints(store, identity, policy));
      kill.disarm();
      for (const { manifest } of await listCheckpoints(store, identity)) {
        expect(store.keys()).toContain(manifest.tensors.key);
      }
      expect(await stepsIn(store)).toEqual(expect.arrayContaining([50, 40, 30]));
      expect(await resumeElsewhere(store)).toMatchObject({ step: 50, skipped: [] });
    }
  });

  it('leaves other runs and trainings alone', async () => {
    const store = createMemoryObjectStore();
    await five(store);
    const other = { ...identity, trainKey: 'c'.repeat(64) };
    await pruneCheckpoints(store, other, { keepLast: 1, keepBest: false });
    expect(await stepsIn(store)).toHaveLength(5);
  });
});
