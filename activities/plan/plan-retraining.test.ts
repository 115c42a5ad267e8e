import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DatasetConfig, ImageConfig, SplitConfig } from '../../contracts/pipeline-config.ts';
import type { BlobRef } from '../../contracts/manifests.ts';
import type { PlanRetrainingInput } from '../../contracts/retraining.ts';
import { inputImage } from '../../core/backbone-facts.ts';
import { asRunId } from '../../core/ids.ts';
import { createFakeDataPorts, manyPictures } from '../../test/fakes/data-ports.ts';
import type { FakeDataPorts } from '../../test/fakes/data-ports.ts';
import { metricsOf, putBlob, tinyModel } from '../../test/fakes/stage-fixtures.ts';
import { createIngestActivities } from '../ingest/ingest.ts';
import { pathsOf } from '../lib/json-lines.ts';
import { registryKeys, writeAliases } from '../lib/registry.ts';
import { createPrepareActivities } from '../prepare/prepare.ts';
import { createSplitActivities } from '../split/split.ts';
import { createPlanActivities } from './plan-retraining.ts';

const DAY_MS = 86_400_000;
let ports: FakeDataPorts;
let nowMs = 0;
let runs = 0;
beforeEach(async () => {
  ports = await createFakeDataPorts(manyPictures({ cat: 50, dog: 50 }));
  nowMs = Date.parse('2026-03-01T12:00:00Z');
  ports = { ...ports, clock: { ...ports.clock, nowMs: () => nowMs } };
});
afterEach(() => ports.remove());

type Keys = Pick<PlanRetrainingInput, 'datasetManifestKey' | 'splitManifestKey'>;

/** What the source has now, ingested and split. */
async function read(rules: Partial<SplitConfig> = {}): Promise<Keys> {
  const dataset = DatasetConfig.parse({ source: 'memory' });
  const input = { dataset, datasetName: 'pets', runId: asRunId('data') };
  const datasetManifestKey = (await createIngestActivities(ports).ingestDataset(input)).output.manifestKey;
  const split = { datasetManifestKey, datasetName: 'pets', split: SplitConfig.parse(rules) };
  return { datasetManifestKey, splitManifestKey: (await createSplitActivities(ports).splitDataset(split)).manifestKey };
}

function grow(pictures: Readonly<Record<string, number>>, salt: string): void {
  for (const [path, text] of Object.entries(manyPictures(pictures, salt))) ports.source.files.set(path, text);
}

const plan = (keys: Keys, wanted: Partial<PlanRetrainingInput>) =>
  createPlanActivities(ports).planRetraining({
    ...{ runId: asRunId(`run-${++runs}`), champion: null, network: null, recent: null },
    ...keys,
    ...wanted,
  });

const paths = async (part: { readonly paths: BlobRef } | null): Promise<string[]> =>
  part ? [...(await pathsOf(ports.store, part.paths, new AbortController().signal))] : [];

describe('a window of the data', () => {
  let keys: Keys;
  beforeEach(async () => {
    await read();
    nowMs += 20 * DAY_MS;
    grow({ cat: 20 }, 'second-');
    await read();
    nowMs += 20 * DAY_MS;
    grow({ cat: 10, dog: 10 }, 'third-');
    keys = await read();
    nowMs += DAY_MS;
  });

  it('of so many images has the newest versions’, and of the oldest of them the last by path', async () => {
    const { train, newest, findings } = await plan(keys, { recent: { images: 20 } });
    const trained = await paths(train);
    expect(train?.images).toBe(20);
    const third = trained.filter((path) => path.includes('third-'));
    const second = trained.filter((path) => path.includes('second-'));
    expect([third.length, second.length]).toEqual([14, 6]);
    expect(second).toEqual([...second].sort().reverse());
    // Of the test side what came since then.
    expect((await paths(newest)).every((path) => /second-|third-/.test(path))).toBe(true);
    expect(findings.map(({ code }) => code)).toEqual(['RECENT']);
  });

  it('of days has what was first ingested within them, however often it was ingested again', async () => {
    const { train, findings } = await plan(keys, { recent: { days: 10 } });
    expect((await paths(train)).every((path) => path.includes('third-'))).toBe(true);
    expect(findings[0]?.message).toContain('14 of 98 images: those that came since 2026-04-10');
    const wider = await plan(keys, { recent: { days: 30 } });
    expect(wider.train?.images).toBe(28);
    expect((await plan(keys, { recent: { days: 99 } })).train?.images).toBe(98);
  });

  it('that lacks a class says so, and an empty one is refused', async () => {
    grow({ cat: 20 }, 'fourth-');
    const now = await read();
    const { findings } = await plan(now, { recent: { days: 0.5 } });
    expect(findings.at(-1)).toMatchObject({ level: 'warning', code: 'RECENT_CLASSES' });
    nowMs += 5 * DAY_MS;
    await expect(plan(now, { recent: { days: 2 } })).rejects.toThrow(/^RECENT_EMPTY: .*newest came 2026-04-11/);
  });

  it('is decided once a run: days that pass change nothing of it', async () => {
    const first = await plan(keys, { recent: { days: 10 }, runId: asRunId('same') });
    nowMs += 50 * DAY_MS;
    expect(await plan(keys, { recent: { days: 10 }, runId: asRunId('same') })).toEqual(first);
  });

  it('leaves validation and test whole', async () => {
    const image = inputImage(ImageConfig.parse({ size: [16, 16] }), 'tiny-cnn');
    const { train } = await plan(keys, { recent: { images: 20 } });
    const sides = ['train' as const, 'validation' as const, 'test' as const];
    const { prepareImages } = createPrepareActivities(ports);
    const [all, part] = [
      await prepareImages({ ...keys, image, sides }),
      await prepareImages({ ...keys, image, sides, only: train!.paths }),
    ];
    expect(part.output.rows).toEqual({ ...all.output.rows, train: 20 });
    expect(part.key).not.toBe(all.key);
  });
});

describe('the champion’s weights', () => {
  const champion = { model: 'pets', alias: 'champion' };
  const network = { backbone: 'tiny-cnn', cut: null } as const;

  async function promoted(keys: Keys, model = tinyModel()): Promise<BlobRef> {
    const weights = await putBlob(ports.store, 'stages/train/x/model.safetensors', Uint8Array.of(1, 2, 3));
    const splitKey = keys.splitManifestKey.split('/')[2];
    const lineage = { dataset: { name: 'pets', version: 'v', manifestKey: keys.datasetManifestKey }, splitKey };
    const rest = { prepareKey: '', trainKey: '', evaluateKey: '', gateKey: '', graftVersion: '0' };
    const version = {
      ...{ kind: 'graft.model-version/1', name: 'pets', version: 3, createdAt: '', runId: 'r', weights, model },
      ...{ metrics: metricsOf(0.9), lineage: { ...lineage, ...rest } },
    };
    await ports.store.put(registryKeys.version('pets', 3), new TextEncoder().encode(JSON.stringify(version)));
    await writeAliases(ports.store, 'pets', { kind: 'graft.aliases/1', aliases: { champion: 3 }, ledgerSeq: 1 }, null);
    return weights;
  }

  it('are found, with the test images that its data did not have', async () => {
    const before = await read();
    const weights = await promoted(before);
    grow({ cat: 20, dog: 20 }, 'new-');
    const { start, newest, train } = await plan(await read(), { champion, network });
    expect(start).toEqual({ model: 'pets', version: 3, weights, backbone: 'tiny-cnn', cut: null });
    expect(train).toBeNull();
    const fresh = await paths(newest);
    expect(fresh.length).toBe(8);
    expect(fresh.every((path) => path.includes('new-'))).toBe(true);
  });

  it.each([
    ['there is none', async () => read(), { network }, /^WARM_START_NONE: models\/pets — no champion .*model\.weights/],
    [
      'it is of another network',
      async () => {
        const keys = await read();
        await promoted(keys, tinyModel({ backbone: 'mobilenet-v2' }));
        return keys;
      },
      { network },
      /^WARM_START_NETWORK: pets version 3 — weights of mobilenet-v2 — those of tiny-cnn/,
    ],
    [
      'it knows other classes',
      async () => {
        const keys = await read();
        await promoted(keys, tinyModel({ classes: ['cat', 'eel'] }));
        return keys;
      },
      { network },
      /^WARM_START_CLASSES: pets version 3 — classes cat, eel — cat, dog/,
    ],
    [
      'it was trained with what is held out now',
      async () => {
        await promoted(await read());
        return read({ seed: 2 });
      },
      { network },
      /^WARM_START_SEEN: pets version 3 — it was trained with \d+ of the 30 images/,
    ],
  ] as const)('are refused where %s', async (_, keysOf, wanted, message) => {
    await expect(plan(await keysOf(), { champion, ...wanted })).rejects.toThrow(message);
  });
});
