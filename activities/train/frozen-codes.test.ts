import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CancelledFailure } from '@temporalio/common';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FeaturesOutput } from '../../contracts/manifests.ts';
import { FeaturesJob } from '../../contracts/ml-protocol.ts';
import type { TrainInput } from '../../contracts/stages.ts';
import { asRunId } from '../../core/ids.ts';
import { transientError } from '../../core/errors.ts';
import { createMemoryObjectStore } from '../../test/fakes/memory-object-store.ts';
import { mockActivity } from '../../test/fakes/mock-activity.ts';
import type { Script, ScriptedMlRunner } from '../../test/fakes/scripted-ml-runner.ts';
import { hashOf } from '../../test/fakes/stage-fixtures.ts';
import { createTrainWorld, extracts, extractsAs, jobOf, ready, trains, works } from '../../test/fakes/train-stage.ts';
import type { TrainWorld } from '../../test/fakes/train-stage.ts';
import { readStage } from '../lib/stage.ts';

let dir = '';
let world: TrainWorld;
let downloads: string[] = [];
/** Two shards to train on, one to validate. */
const rows = { train: 300, validation: 40, test: 4 };
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'graft-codes-'));
  downloads = [];
  const before = (call: string, key: string): void => void (call === 'getFile' && downloads.push(key));
  world = await createTrainWorld(dir, createMemoryObjectStore({ before }), { rows });
});
afterEach(() => {
  rmSync(dir, { recursive: true });
});

const head = (runId: string, change: { train?: object; augment?: object } = {}): TrainInput =>
  world.inputWith({ ...change, model: { strategy: 'head' } }, asRunId(runId));
const shardKeys = (): string[] => world.store.keys().filter((key) => /^stages\/features\/.*safetensors$/.test(key));
const manifestKeys = (): string[] =>
  world.store.keys().filter((key) => /^stages\/features\/.*manifest\.json$/.test(key));
const kinds = (ml: ScriptedMlRunner): string[] => ml.jobs.map(({ kind }) => kind);
const wanted = (ml: ScriptedMlRunner): number[][] => FeaturesJob.parse(ml.jobs[0]).passes.map(({ shards }) => shards);
const filesRead = (ml: ScriptedMlRunner): (string | undefined)[] => {
  const { train, validation } = jobOf(ml.jobs.at(-1));
  return [...train.shards, ...validation.shards].map(({ path }) => path.split('/').at(-1));
};

describe('codes', () => {
  it('are computed, stored with a manifest each, and trained on', async () => {
    const { ml, result } = world.train([extracts, trains], { input: head('first-1') });
    const { output, summary } = await result;
    expect(kinds(ml)).toEqual(['features', 'train']);
    expect(jobOf(ml.jobs[1])).toMatchObject({
      reads: { kind: 'codes', variants: 1 },
      train: { rows: 300, shards: [{ rows: 256 }, { rows: 44 }] },
      validation: { rows: 40, shards: [{ rows: 40 }] },
    });
    expect(shardKeys()).toHaveLength(3);
    for (const key of manifestKeys()) {
      const found = await readStage(world.store, key, FeaturesOutput);
      expect(found?.output).toMatchObject({ type: 'float16', runId: 'first-1' });
      expect(found?.parts).toEqual(found?.output.shards.map(({ rows: _, ...blob }) => blob));
    }
    // Five epochs of 340 images; the scripted child takes a quarter of a second an image.
    expect(output.frozen).toEqual({
      ...{ images: 340, variants: null, computed: 340, seconds: 85, reused: 0, reusedFrom: null },
      ...{ passes: 1700, passesSaved: 1360, secondsSaved: 340 },
    });
    expect(summary).toMatch(/; frozen trunk: 340 images once \(85 s\) instead of 1,700 passes, saved about 340 s$/);
    expect(readdirSync(join(dir, 'a/files/scratch/features'))).toEqual([]);
  });

  it('come to another machine from the store: nothing is computed, and no pixels are needed', async () => {
    const first = world.train([extracts, trains], { input: head('first-1') });
    await first.result;
    downloads = [];
    const second = world.train([trains], { machine: 'b', input: head('second-2', { train: { batchSize: 8 } }) });
    const { output, summary } = await second.result;
    expect(kinds(second.ml)).toEqual(['train']);
    expect(filesRead(second.ml)).toEqual(filesRead(first.ml));
    expect(downloads.filter((key) => key.includes('stages/features'))).toHaveLength(3);
    expect(output.frozen).toMatchObject({
      computed: 0,
      seconds: 0,
      reused: 340,
      reusedFrom: 'first-1',
      passesSaved: 1700,
    });
    expect(summary).toMatch(
      /frozen trunk: codes of 340 images reused from run first-1 instead of 1,700 passes, saved about 425 s$/,
    );
  });

  it('of this machine’s disk are found there', async () => {
    await world.train([extracts, trains], { input: head('first-1') }).result;
    downloads = [];
    await world.train([trains], { input: head('second-2', { train: { epochs: 9 } }) }).result;
    expect(downloads).toEqual([]);
  });

  it('damaged, cut, overwritten or lost in the store are computed again, alone, and mended for everybody', async () => {
    const first = world.train([extracts, trains], { input: head('first-1') });
    await first.result;
    const damages: ((key: string) => Promise<unknown> | void)[] = [
      (key) => world.store.corrupt(key, (body) => body.map((byte, i) => (i === 3 ? byte ^ 1 : byte))),
      (key) => world.store.corrupt(key, (body) => body.slice(1)),
      (key) => world.store.put(key, Uint8Array.of(1, 2)),
      (key) => world.store.delete(key),
    ];
    for (const [index, damage] of damages.entries()) {
      const key = shardKeys().find((each) => each.endsWith(`${filesRead(first.ml)[1]}.safetensors`))!;
      await damage(key);
      const epochs = { train: { epochs: 10 + index } };
      const next = world.train([extracts, trains], { machine: `damaged-${index}`, input: head('next-1', epochs) });
      const { output } = await next.result;
      expect(wanted(next.ml)).toEqual([[1]]);
      expect(filesRead(next.ml)).toEqual(filesRead(first.ml));
      expect(output.frozen).toMatchObject({ computed: 44, reused: 296 });
      expect(hashOf((await world.store.get(key))!.body)).toBe(filesRead(first.ml)[1]);
      const after = world.train([trains], {
        machine: `mended-${index}`,
        input: head('after-1', { train: { epochs: 20 + index } }),
      });
      await after.result;
    }
  });

  it('whose manifest is damaged are computed again', async () => {
    await world.train([extracts, trains], { input: head('first-1') }).result;
    await world.store.put(manifestKeys()[0]!, new TextEncoder().encode('{"kind"'));
    const next = world.train([works, works], { machine: 'b', input: head('second-2', { train: { epochs: 6 } }) });
    await next.result;
    expect(kinds(next.ml)).toEqual(['features', 'train']);
    const last = world.train([trains], { machine: 'c', input: head('third-3', { train: { epochs: 7 } }) });
    await last.result;
  });

  it('of whoever was first are taken by both: another processor may compute other bits', async () => {
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const late: Script = async (host) => {
      await held;
      await extractsAs('another processor')(host);
    };
    const slow = world.train([late, trains], { machine: 'slow', input: head('slow-1') });
    const fast = world.train([extracts, trains], { machine: 'fast', input: head('fast-1', { train: { epochs: 6 } }) });
    await fast.result;
    release();
    await slow.result;
    expect(filesRead(slow.ml)).toEqual(filesRead(fast.ml));
  });

  it('have the child’s error where it says one', async () => {
    const fails: Script = ({ emit }) => {
      emit({ kind: 'failed', code: 'FEATURE_RANGE', errorKind: 'input', where: 'w', seen: 's', remedy: 'float32' });
    };
    const { result } = world.train([fails], { input: head('first-1') });
    await expect(result).rejects.toMatchObject({ type: 'FEATURE_RANGE', nonRetryable: true });
  });

  it('end the attempt where they can’t be stored, and the next one goes on', async () => {
    let full = true;
    const store = createMemoryObjectStore({
      before: (call, key) => {
        if (full && call === 'putFile' && key.startsWith('stages/features'))
          throw transientError('STORE_FULL', 's', 'no room');
      },
    });
    world = await createTrainWorld(dir, store, { rows });
    const first = world.train([extracts], { input: head('first-1') });
    await expect(first.result).rejects.toMatchObject({ type: 'STORE_FULL', nonRetryable: false });
    expect(manifestKeys()).toEqual([]);
    full = false;
    await world.train([extracts, trains], { input: head('first-1') }).result;
  });
});

describe('a trainer of another attempt', () => {
  it('that takes a finished shard away under this one’s eyes costs a retry, not the run', async () => {
    const robbed: Script = async (host) => {
      const pass = FeaturesJob.parse(host.job).passes[0]!;
      const path = join(pass.outputDir, 'gone');
      host.emit({
        kind: 'shard',
        staged: { pass: 0, index: 0, path, rows: 256, sha256: hashOf('x'), sizeBytes: 1, seconds: 1 },
      });
      await host.stopRequested;
    };
    const { result } = world.train([robbed], { input: head('first-1') });
    await expect(result).rejects.toMatchObject({ type: 'FEATURES_GONE', nonRetryable: false });
  });
});

describe('variants', () => {
  const augment = { flipHorizontal: 0.5 };

  it('lie one after the other, and more of them compute only what is new', async () => {
    const two = world.train([extracts, trains], {
      input: head('two-1', { augment: { ...augment, cachedVariants: 2 } }),
    });
    const { output, summary } = await two.result;
    expect(FeaturesJob.parse(two.ml.jobs[0]).passes.map(({ variant }) => variant)).toEqual([0, 1, null]);
    expect(jobOf(two.ml.jobs[1])).toMatchObject({ reads: { kind: 'codes', variants: 2 }, train: { rows: 300 } });
    expect(filesRead(two.ml)).toHaveLength(5);
    expect(output.frozen).toMatchObject({ images: 340, variants: 2, computed: 640, passes: 1700, passesSaved: 1060 });
    expect(summary).toContain(
      'frozen trunk: 340 images in 2 variants (160 s) instead of 1,700 passes, saved about 265 s',
    );
    const three = world.train([extracts, trains], {
      input: head('three-1', { augment: { ...augment, cachedVariants: 3 } }),
    });
    expect((await three.result).output.frozen).toMatchObject({ computed: 300, reused: 640, reusedFrom: 'two-1' });
    expect(FeaturesJob.parse(three.ml.jobs[0]).passes.map(({ variant }) => variant)).toEqual([2]);
    expect(filesRead(three.ml).slice(0, 4)).toEqual(filesRead(two.ml).slice(0, 4));
  });

  it('are none where nothing is kept: the training reads pixels', async () => {
    const { ml, result } = world.train([trains], { input: head('anew-1', { augment }) });
    expect((await result).output.frozen).toBeUndefined();
    expect(jobOf(ml.jobs[0])).toMatchObject({ reads: { kind: 'pixels' }, train: { shards: [{ rows: 300 }] } });
  });
});

describe('a stop', () => {
  it('in the middle is a stop; what was finished on this disk is there for the next attempt', async () => {
    const env = mockActivity();
    const heartbeats: unknown[] = [];
    env.on('heartbeat', (details: unknown) => heartbeats.push(details));
    let outputDir = '';
    const middle: Script = async (host) => {
      ready(host);
      outputDir = FeaturesJob.parse(host.job).passes[0]!.outputDir;
      host.emit({ kind: 'features', done: 85, total: 340 });
      await new Promise((resolve) => setTimeout(resolve, 10));
      env.cancel();
      await host.stopRequested;
      host.emit({ kind: 'stopped', step: 0, reason: 'requested' });
    };
    const { ml, result } = world.train([middle], { env, input: head('first-1') });
    await expect(result).rejects.toBeInstanceOf(CancelledFailure);
    expect(ml.endings).toEqual(['stop']);
    expect(heartbeats).toContainEqual(expect.objectContaining({ phase: 'features', featuresDone: 0.25, attempt: 1 }));
    expect(existsSync(outputDir)).toBe(true);
    const next = world.train([works, works], { input: head('first-1') });
    await next.result;
    expect(FeaturesJob.parse(next.ml.jobs[0]).passes[0]!.outputDir).toBe(outputDir);
  });

  it('by others than this worker is tried again', async () => {
    const stops: Script = ({ emit }) => emit({ kind: 'stopped', step: 0, reason: 'requested' });
    const { result } = world.train([stops], { input: head('first-1') });
    await expect(result).rejects.toMatchObject({ type: 'TRAIN_STOPPED', nonRetryable: false });
  });

  it('by SIGKILL is an error that a retry mends', async () => {
    const dies: Script = (host) => {
      ready(host);
      throw new Error('SIGKILL');
    };
    const { result } = world.train([dies], { input: head('first-1') });
    await expect(result).rejects.toMatchObject({ type: 'ML_CRASHED', nonRetryable: false });
  });
});
